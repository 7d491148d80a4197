#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "bson/document.h"

namespace varve::job {

/// The operations that make of a collection's file in a base what it is at a moment: of each document that differs the
/// last state. One thread. Memory: a key for each such document.
class DeltaRun {
 public:
  /// 'i', 'u' or 'd', in no order: deletes are to come first. Of these the id is `{_id: ...}`; a document that goes has
  /// none.
  using Take = std::function<Status(char op, bson::View id, bson::View document)>;

  explicit DeltaRun(Take take) : take_(std::move(take)) {}

  /// As CollectionReading::changes() visits it.
  Status change(ByteView before, ByteView after);
  /// All were visited: gives what went.
  Status finish();

  /// Those that went count before they are given.
  uint64_t operations() const { return operations_ + gone_.size(); }
  uint64_t bytes() const { return bytes_; }  ///< of what is given
  /// A document had no `_id` by which an operation could name it: the operations are of no use.
  bool unfit() const { return unfit_; }

 private:
  Status give(char op, bson::View id, bson::View document);

  const Take take_;
  std::unordered_set<std::string> given_;       // keys of what is there at the moment
  std::map<std::string, bson::Document> gone_;  // by key, unless it comes after all
  uint64_t operations_ = 0, bytes_ = 0;
  bool unfit_ = false;
};

/// Raw entries of transactions of which the end has not come: whoever goes on from there needs them. One thread.
class OpenParts {
 public:
  static constexpr size_t kMost = 512u << 20;

  /// kUnsupported where they take more than kMost bytes.
  Status take(ByteView entry);
  /// In the order of the oplog.
  std::vector<Bytes> entries() const;

 private:
  std::map<std::string, std::vector<Bytes>> begun_;  // by session
  size_t bytes_ = 0;
};

}  // namespace varve::job
