#include "moment/passes.h"

namespace varve::moment {

namespace {

class ByKey : public Merge {
 public:
  ByKey(MergePlan plan, std::unique_ptr<Changes> changes)
      : plan_(std::move(plan)), passes_(plan_, std::move(changes)) {}

  bool in_order() const override { return false; }

  Result<ByteView> next(ByteView document, Share& share) override {
    TRY_ASSIGN(const auto fate, passes_.meet(document, share.scratch, share.out));
    if (fate == Changes::Fate::kSame) return document;
    if (fate == Changes::Fate::kElsewhere) return ByteView();
    take_out(share.change, document, share.scratch);
    if (fate == Changes::Fate::kNothing) return ByteView();
    put_in(share.change, share.out, share.scratch);
    return ByteView(share.out);
  }

  Status rest(Share& share, const Emit& emit) override {
    return passes_.rest([&](uint64_t, ByteView document) -> Status {
      put_in(share.change, document, share.scratch);
      return emit(document);
    });
  }

  Result<bool> again() override {
    if (!passes_.more()) return false;
    TRY(passes_.next());
    return true;
  }

 private:
  const MergePlan plan_;
  Passes passes_;
};

}  // namespace

std::unique_ptr<Merge> merge_by_key(MergePlan plan, std::unique_ptr<Changes> changes) {
  return std::make_unique<ByKey>(std::move(plan), std::move(changes));
}

}  // namespace varve::moment
