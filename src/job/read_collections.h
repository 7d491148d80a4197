#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/reporter.h"
#include "job/backup_plan.h"
#include "job/document_file.h"
#include "job/read_limit.h"
#include "job/read_member.h"

namespace varve::job {

/// How a collection's documents were read.
enum class How : uint8_t {
  kWindow,    ///< as they came: the oplog has the rest
  kSnapshot,  ///< all as they were at one time
  kFallBack,  ///< as they came, since the server refused to give them as they were at that time
};

/// As the manifest has it.
std::string_view text_of(How how);

/// One collection after it was read.
struct ReadCollection {
  PlannedCollection plan;
  std::unique_ptr<DocumentFile> file{};  ///< empty for views
  How how = How::kWindow;
  bool gone = false;      ///< it was not there any more, so that the oplog must have its drop
  std::string note{};     ///< e.g. that it was dropped while it was read
  std::string refusal{};  ///< of a fall-back: why
};

struct ReadOptions {
  bool majority = true;
  bson::Timestamp since;  ///< what is read as it comes is of a moment at or after it; zero for a standalone
  unsigned readers = 2;
  std::array<uint8_t, 16> cut_key{};
  ReadLimit* limit = nullptr;  ///< null: none
};

/// A time at which documents are read.
struct ReadTime {
  bson::Timestamp time;  ///< a majority-committed cluster time
  /// Whether a collection had been dropped by then, so that there is nothing to read. Thread-safe.
  std::function<bool(ByteView uuid)> was_dropped;
};

/// Reads planned collections by a pool of readers with a connection each, the largest first.
class CollectionReaders {
 public:
  using Which = std::function<bool(const PlannedCollection&)>;

  /// The member, the writer and the reporter must outlive it.
  CollectionReaders(std::vector<PlannedCollection> plan, ReadOptions options, ReadMember& member, repo::Writer& writer,
                    Reporter& reporter);
  ~CollectionReaders();

  /// Reads those that `which` picks; all at one time where one is given, else as they come. What the server does not
  /// give as of that time is read again from its start as it comes. A collection that is dropped or renamed away while
  /// it is read as it comes keeps what came so far and gets a note: the oplog of the window has the rest. Where the
  /// member is lost, reading goes on from another one: by `_id` from where it was, else from the collection's start.
  Status read(const Which& which, const std::optional<ReadTime>& at, const Cancel& cancel);

  std::vector<ReadCollection>& collections();
  /// The newest write that anything read can hold; zero for a standalone. Call once reading has ended.
  bson::Timestamp newest() const;
  /// Of all that is planned: an estimate.
  uint64_t bytes_total() const;

 private:
  struct Work;
  class Reader;
  std::unique_ptr<Work> work_;
};

}  // namespace varve::job
