#pragma once

#include "moment/mergers.h"

namespace varve::moment {

/// The changes of one collection, part by part.
class Passes {
 public:
  Passes(const MergePlan& plan, std::unique_ptr<Changes> changes);

  /// What becomes of a document of the base in this pass; `out` holds another one. Thread-safe.
  Result<Changes::Fate> meet(ByteView document, Bytes& scratch, Bytes& out);
  Status rest(const std::function<Status(uint64_t order, ByteView document)>& emit);
  /// True while parts are left after this one.
  bool more() const { return !waiting_.empty(); }
  bool is_first() const { return first_; }
  /// Loads the next part.
  Status next();

 private:
  Status keep_to_limits(Changes& changes) const;
  tl::unexpected<Error> within(Error error) const;

  const MergePlan& plan_;
  std::unique_ptr<Pool> pool_;  // of the parts that are loaded; before the changes, which count in it
  std::unique_ptr<Changes> changes_;
  std::vector<Changes::Part> waiting_;
  bool first_ = true;
};

/// What a share's digest has to be changed by.
void take_out(bson::Digest& change, ByteView document, Bytes& scratch);
void put_in(bson::Digest& change, ByteView document, Bytes& scratch);

}  // namespace varve::moment
