#include <algorithm>

#include "moment/passes.h"

namespace varve::moment {

namespace {

/// What one pass gives, in order: a number, then the document.
class Run {
 public:
  Run(std::shared_ptr<Spill> spill, std::atomic<uint64_t>& counter)
      : queue_(std::make_unique<Queue>(std::move(spill), counter)) {}

  Status push(uint64_t number, ByteView document) {
    std::array<uint8_t, sizeof number> head;
    std::memcpy(head.data(), &number, sizeof number);
    return queue_->push({head, document});
  }
  Status flush() { return queue_->flush(); }
  /// Goes to the next piece; false at the end.
  Result<bool> advance() {
    TRY_ASSIGN(const auto piece, queue_->pop());
    if (piece) {
      number_ = load_le<uint64_t>(piece->data());
      document_ = piece->subspan(sizeof number_);
    }
    return piece.has_value();
  }
  uint64_t number() const { return number_; }
  ByteView document() const { return document_; }

 private:
  std::unique_ptr<Queue> queue_;
  uint64_t number_ = 0;
  ByteView document_;
};

/// The runs' pieces in the order of their numbers.
Status join(std::vector<Run>& runs, const std::function<Status(ByteView)>& use) {
  std::vector<Run*> left;
  for (auto& run : runs) {
    TRY_ASSIGN(const bool more, run.advance());
    if (more) left.push_back(&run);
  }
  while (!left.empty()) {
    const auto first = std::ranges::min_element(left, {}, &Run::number);
    TRY(use((*first)->document()));
    TRY_ASSIGN(const bool more, (*first)->advance());
    if (!more) left.erase(first);
  }
  return {};
}

class InOrder : public Merge {
 public:
  InOrder(MergePlan plan, std::unique_ptr<Changes> changes)
      : plan_(std::move(plan)),
        waits_(plan_.evicts || changes->is_split()),
        pool_(plan_.spill, plan_.memory / 2),
        passes_(plan_, std::move(changes)) {}

  bool in_order() const override { return true; }

  Result<ByteView> next(ByteView document, Share& share) override {
    if (runs_of_base_.size() <= pass_) begin_pass();
    const uint64_t number = number_++;
    TRY_ASSIGN(const auto fate, passes_.meet(document, share.scratch, share.out));
    if (fate == Changes::Fate::kElsewhere) return ByteView();
    if (fate != Changes::Fate::kSame) take_out(share.change, document, share.scratch);
    if (fate == Changes::Fate::kNothing) return ByteView();
    if (fate == Changes::Fate::kOther) put_in(share.change, share.out, share.scratch);
    const ByteView out = fate == Changes::Fate::kSame ? document : ByteView(share.out);
    if (!waits_) return out;
    TRY(wait(runs_of_base_[pass_], number, out));
    return ByteView();
  }

  Status rest(Share& share, const Emit& emit) override {
    if (runs_of_base_.size() <= pass_) begin_pass();
    TRY(passes_.rest([&](uint64_t order, ByteView document) -> Status {
      put_in(share.change, document, share.scratch);
      return waits_ ? wait(runs_of_inserts_[pass_], order, document) : emit(document);
    }));
    return waits_ && !passes_.more() ? emit_all(share, emit) : Status();
  }

  Result<bool> again() override {
    if (!passes_.more()) return false;
    TRY(passes_.next());
    ++pass_;
    number_ = 0;
    return true;
  }

 private:
  void begin_pass() {
    runs_of_base_.emplace_back(plan_.spill, pool_.records);
    runs_of_inserts_.emplace_back(plan_.spill, pool_.records);
  }

  Status wait(Run& run, uint64_t number, ByteView document) {
    ++documents_;
    bytes_ += document.size();
    TRY(run.push(number, document));
    if (pool_.records <= pool_.records_limit) return {};
    TRY(runs_of_base_[pass_].flush());
    return runs_of_inserts_[pass_].flush();
  }

  /// Everything in order, without the oldest that have to go.
  Status emit_all(Share& share, const Emit& emit) {
    const auto use = [&](ByteView document) -> Status {
      if (!too_much()) return emit(document);
      --documents_;
      bytes_ -= document.size();
      take_out(share.change, document, share.scratch);
      return {};
    };
    TRY(join(runs_of_base_, use));
    return join(runs_of_inserts_, use);
  }

  bool too_much() const {
    if (!plan_.evicts) return false;
    return bytes_ > plan_.most_bytes || (plan_.most_documents > 0 && documents_ > plan_.most_documents);
  }

  const MergePlan plan_;
  const bool waits_;
  Pool pool_;
  Passes passes_;
  size_t pass_ = 0;
  uint64_t number_ = 0;  // of the document of the base
  std::vector<Run> runs_of_base_, runs_of_inserts_;
  uint64_t documents_ = 0, bytes_ = 0;
};

}  // namespace

std::unique_ptr<Merge> merge_in_order(MergePlan plan, std::unique_ptr<Changes> changes) {
  return std::make_unique<InOrder>(std::move(plan), std::move(changes));
}

}  // namespace varve::moment
