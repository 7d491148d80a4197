#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "codec/hash.h"
#include "moment/pool.h"

namespace varve::moment {

/// What is kept of a changed document, in the order in which it came: in memory up to what the pool allows, the oldest
/// in the spill file. Records are found by their place, which is a block and an offset in it. What is superseded is
/// garbage; blocks that are mostly garbage are rewritten. One thread, but several may read at once while nothing
/// changes.
class RecordLog {
 public:
  struct Record {
    codec::UInt128 hash;  ///< of the key that it belongs to
    uint64_t order = 0;   ///< number of the insert that the document came by
    ByteView content;
  };
  /// Says whether the record is in use, and learns of its new place: place() and move_to() of its slot.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual bool owns(const codec::UInt128& hash, uint64_t place) = 0;
    virtual void moved(const codec::UInt128& hash, uint64_t place) = 0;
  };

  explicit RecordLog(Pool& pool) : pool_(&pool), index_(pool.index), resident_(pool.records) {}
  ~RecordLog();
  RecordLog(const RecordLog&) = delete;
  RecordLog& operator=(const RecordLog&) = delete;

  /// `spare` bytes are kept behind the content for resize().
  uint64_t append(const Record& record, size_t spare = 0);
  /// The content, to be written to, at its new size; nullptr if the record is not in memory or has not the room. Keeps
  /// the record's order where none is given.
  uint8_t* resize(uint64_t place, size_t size, std::optional<uint64_t> order = {});
  /// A record and the block it was read from, if that had to be read.
  struct Found {
    Record record;
    Bytes block;
  };
  Result<Found> read(uint64_t place) const;
  /// As read, for places that come in order: keeps the last block.
  class Reader {
   public:
    explicit Reader(const RecordLog& log) : log_(log) {}
    Result<Record> read(uint64_t place);

   private:
    const RecordLog& log_;
    std::optional<uint64_t> block_;
    Bytes bytes_;
  };
  /// The record there is garbage.
  void drop(uint64_t place);

  uint64_t resident() const { return resident_.bytes(); }
  /// Brings what is in memory down to `most` bytes.
  Status spill(uint64_t most, Owner& owner);
  /// Rewrites blocks of the spill file if more of it is garbage than not.
  Status compact(Owner& owner);
  /// Gives every record in use to `take` and forgets it.
  Status consume(Owner& owner, const std::function<Status(const Record&)>& take);

 private:
  struct Block {
    Bytes bytes;  // empty if spilled
    std::optional<Extent> extent;
    uint32_t records = 0, live = 0;
    uint32_t generation = 0;  // counts the uses of this id
  };
  struct InMemory {
    uint64_t id;
    uint32_t generation;
  };
  uint64_t tail_block();
  void free_block(uint64_t id);
  Status write_block(uint64_t id);
  Result<Bytes> take_block(uint64_t id);
  Status rewrite(uint64_t id, Owner& owner);

  Pool* const pool_;
  std::vector<Block> blocks_;
  std::vector<uint64_t> unused_;  // ids to be given again
  std::deque<InMemory> order_;    // blocks in memory, oldest first; some may be gone
  std::optional<uint64_t> tail_;  // where records are appended
  uint64_t spilled_records_ = 0, spilled_live_ = 0;
  Taken index_, resident_;
};

}  // namespace varve::moment
