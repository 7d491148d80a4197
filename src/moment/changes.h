#pragma once

#include <array>
#include <memory>
#include <vector>

#include "bson/view.h"
#include "moment/key_table.h"
#include "moment/queue.h"
#include "moment/record_log.h"

namespace varve::moment {

/// Gives the hash of a document's key. 128 bits under a secret of the process, so that nobody can choose two `_id`s
/// that meet.
class KeyHash {
 public:
  KeyHash();
  codec::UInt128 operator()(const bson::Element& id, Bytes& scratch) const;

 private:
  codec::HashSecret secret_;
};

/// What is known of an operation beside its document.
struct Origin {
  /// Neither the base nor anything before this operation can hold the key.
  bool not_in_base = false;
  /// The document comes by an insert, not by a replacement of one that was there.
  bool inserted = false;
  /// An update that creates the document if it is not there.
  bool upsert = false;
};

/// What changed in one collection, folded per document as it enters: the newest document or that there is none any
/// more; or, where only the base knows the document, its updates, joined as far as that is easy.
///
/// What passes the pool's limits is spilled; when even the table of keys would, the key space is split by bits of the
/// hashes: one part stays, the operations on the others are put by, in their order, to be loaded when it is their turn.
///
/// One thread, but several may use meet() once nothing changes any more.
class Changes : private RecordLog::Owner {
  static constexpr unsigned kBits = 4;
  static constexpr unsigned kWays = 1u << kBits;

 public:
  /// A part of the key space: the hashes whose first `level` digits of four bits are `prefix`. All of it by default.
  struct Range {
    unsigned level = 0;
    uint64_t prefix = 0;
    bool holds(const codec::UInt128& hash) const { return level == 0 || hash.high >> (64 - kBits * level) == prefix; }
  };

  /// `base` is false if no document of the base belongs to the collection: then what is deleted is forgotten.
  Changes(Pool& pool, bool base, Range range);
  Changes(Pool& pool, bool base) : Changes(pool, base, Range{}) {}
  ~Changes() override;

  Status put(const codec::UInt128& hash, ByteView document, Origin origin);
  Status erase(const codec::UInt128& hash);
  /// `id` is the `_id` of the document.
  Status update(const codec::UInt128& hash, bson::View o, Origin origin, const bson::Element& id);

  /// True if nothing was changed, or only what does not matter.
  bool empty() const { return table_->size() == 0 && parts_.empty(); }
  bool is_split() const { return !parts_.empty(); }
  /// Inserts so far, also of what is gone again.
  uint64_t inserts() const { return next_order_; }
  uint64_t index_bytes() const { return table_->bytes() + held_by_parts(); }
  uint64_t resident() const { return log_->resident(); }

  /// Brings records in memory down to `most` bytes, and rewrites what is mostly garbage.
  Status spill(uint64_t most);
  /// Splits off fifteen sixteenths of the key space. False if that would not help.
  Result<bool> split();

  /// The operations put by for one part of the key space.
  struct Part {
    Range range;
    std::unique_ptr<Queue> operations;
  };
  /// All parts but the one that is here. From then on nothing is put into this object.
  std::vector<Part> take_parts() { return std::move(parts_); }
  /// Takes over what was put by. The caller keeps to the limits after each call; false at the end.
  Result<bool> load_next(Queue& operations);

  /// What becomes of a document of the base.
  enum class Fate : uint8_t {
    kElsewhere,  ///< its key belongs to another part
    kSame,
    kNothing,  ///< it is gone, was met before, or comes later as an insert
    kOther,    ///< another document
  };
  /// `ordered`: documents that came by an insert have their place behind the base's and are left for rest().
  /// Thread-safe while nothing is changed.
  Result<Fate> meet(const codec::UInt128& hash, ByteView document, bool ordered, Bytes& out);
  /// The documents that were not met; in the order of their inserts if `ordered`. Ends the use of this object.
  Status rest(bool ordered, const std::function<Status(uint64_t order, ByteView document)>& emit);

 private:
  // What is put by for another part begins with one of these.
  enum class Put : uint8_t { kDocument, kErase, kUpdate, kState };
  bool owns(const codec::UInt128& hash, uint64_t place) override;
  void moved(const codec::UInt128& hash, uint64_t place) override;

  std::optional<size_t> part_number(const codec::UInt128& hash) const;
  Queue* part_of(const codec::UInt128& hash) const;
  static Status put_by(Queue& part, Put kind, const codec::UInt128& hash, uint64_t word, ByteView content,
                       ByteView more = {});
  uint64_t held_by_parts() const;

  // `id` is a document of the `_id` alone, where that is needed.
  void put_here(const codec::UInt128& hash, ByteView document, Origin origin, uint64_t order);
  void erase_here(const codec::UInt128& hash);
  Status update_here(const codec::UInt128& hash, bson::View o, Origin origin, bson::View id);
  Status replace(const codec::UInt128& hash, bson::View o, Origin origin, bson::View id);
  Status rewrite(Slot& slot, ByteView document);
  Status update_document(Slot& slot, bson::View o);
  void begin_updates(const codec::UInt128& hash, bson::View o, Origin origin, bson::View id);
  Status add_update(Slot& slot, bson::View o);
  Status move_out(const codec::UInt128& hash, uint64_t state, const RecordLog::Record& record, KeyTable& table,
                  RecordLog& log);
  Status load_here(Put kind, const codec::UInt128& hash, uint64_t word, ByteView content);

  Pool* const pool_;
  const bool base_;
  const Range range_;  // what belongs to this object and its parts
  unsigned level_;     // the digits up to here that are not in the range's prefix are zero in what is here
  std::unique_ptr<KeyTable> table_;
  std::unique_ptr<RecordLog> log_;
  uint64_t next_order_ = 0;
  std::vector<Part> parts_;
};

}  // namespace varve::moment
