#include "job/diff_moments.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "job/compare_catalog.h"
#include "job/differing_documents.h"
#include "job/layout.h"

namespace varve::job {

namespace {

constexpr Sides kSides{"before", "after"};

class DiffMoments {
 public:
  DiffMoments(const MomentSide& before, const MomentSide& after, const DiffMomentsOptions& options,
              const DiffMomentsListener& listener)
      : before_(before), after_(after), options_(options), listener_(listener) {}

  Result<DiffMomentsResult> run(const Cancel& cancel) {
    TRY_ASSIGN(then_, BackupMoment::open(*before_.backup, options_.filter, before_.merge, cancel));
    TRY_ASSIGN(now_, BackupMoment::open(*after_.backup, options_.filter, after_.merge, cancel));
    struct Pair {
      std::optional<size_t> then, now;
    };
    std::map<bson::Namespace, Pair> pairs;
    for (size_t i = 0; i < then_->collections().size(); ++i) pairs[then_->collections()[i].entry.ns].then = i;
    for (size_t i = 0; i < now_->collections().size(); ++i) pairs[now_->collections()[i].entry.ns].now = i;
    for (const auto& [ns, pair] : pairs) {
      if (is_of_the_server(ns)) continue;
      ++result_.collections;
      TRY(cancel.check());
      TRY(pair.then && pair.now ? compare(ns, *pair.then, *pair.now, cancel)
                                : tell_one_sided(ns, pair.then.has_value(), cancel));
    }
    for (const auto* moment : {then_.get(), now_.get()}) {
      for (const auto& missing : moment->missing()) result_.missing.push_back(missing);
    }
    return std::move(result_);
  }

 private:
  Status tell_one_sided(const bson::Namespace& ns, bool then, const Cancel& cancel) {
    TRY(listener_.catalog(ns, then ? "is not there any more" : "is new"));
    return tell_all(ns, then, cancel);
  }

  /// All documents of one side; a view or a time-series has none under its own name.
  Status tell_all(const bson::Namespace& ns, bool then, const Cancel& cancel) {
    const auto& collections = (then ? then_ : now_)->collections();
    const auto entry = std::ranges::find(collections, ns, [](const auto& c) { return c.entry.ns; });
    if (entry == collections.end() || entry->entry.type != "collection") return {};
    const auto& side = then ? before_ : after_;
    return documents_of(*side.backup, ns, side.merge)(
        [&](ByteView document) { return then ? tell(ns, document, {}) : tell(ns, {}, document); }, cancel);
  }

  Status compare(const bson::Namespace& ns, size_t then, size_t now, const Cancel& cancel) {
    const auto& old_entry = then_->collections()[then].entry;
    const auto& new_entry = now_->collections()[now].entry;
    mongo::CollectionInfo as_info;
    as_info.ns = ns;
    as_info.type = new_entry.type;
    as_info.options = new_entry.options;
    as_info.indexes = new_entry.indexes;
    Difference difference;
    std::vector<std::string> same;
    compare_catalog(old_entry, as_info, difference, same, kSides);
    for (const auto& what : difference.what) TRY(listener_.catalog(ns, what));
    if (old_entry.type != new_entry.type) {  // of the one none is a document of the other
      TRY(tell_all(ns, true, cancel));
      return tell_all(ns, false, cancel);
    }
    if (old_entry.type != "collection") return {};
    if (stands_as_it_did(then, now)) return {};
    TRY_ASSIGN(const auto was, digest(*then_, then, cancel));
    TRY_ASSIGN(const auto is, digest(*now_, now, cancel));
    if (was == is) return {};
    return differing_documents(
        documents_of(*before_.backup, ns, before_.merge), documents_of(*after_.backup, ns, after_.merge),
        options_.memory, [&](ByteView old, ByteView anew) { return tell(ns, old, anew); }, cancel);
  }

  /// Both are what the same base holds.
  bool stands_as_it_did(size_t then, size_t now) const {
    const auto& old = then_->collections()[then];
    const auto& anew = now_->collections()[now];
    return before_.backup == after_.backup && old.untouched && anew.untouched && old.base == anew.base;
  }

  static Result<bson::Digest> digest(BackupMoment& moment, size_t index, const Cancel& cancel) {
    const auto& collection = moment.collections()[index];
    if (collection.untouched) return collection.entry.as_read;
    TRY_ASSIGN(const auto reading, CollectionReading::open(moment, index, cancel));
    TRY(read_collection(
        *reading, [](ByteView) { return Status(); }, cancel));
    return reading->digest();
  }

  Status tell(const bson::Namespace& ns, ByteView old, ByteView anew) {
    ++(old.empty() ? result_.added : anew.empty() ? result_.removed : result_.changed);
    return listener_.document(ns, old, anew);
  }

  const MomentSide& before_;
  const MomentSide& after_;
  const DiffMomentsOptions& options_;
  const DiffMomentsListener& listener_;
  std::unique_ptr<BackupMoment> then_, now_;
  DiffMomentsResult result_;
};

}  // namespace

Result<DiffMomentsResult> diff_moments(const MomentSide& before, const MomentSide& after,
                                       const DiffMomentsOptions& options, const DiffMomentsListener& listener,
                                       const Cancel& cancel) {
  return DiffMoments(before, after, options, listener).run(cancel);
}

}  // namespace varve::job
