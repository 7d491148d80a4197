#include "job/check_merges.h"

#include <map>
#include <set>

#include "job/compare_catalog.h"
#include "mongo/catalog.h"

namespace varve::job {

namespace {

constexpr size_t kShown = 20;

Error conflict_error(const std::vector<std::string>& conflicts) {
  Error error(ErrorKind::kExists, std::to_string(conflicts.size()) +
                                      (conflicts.size() == 1 ? " conflict" : " conflicts") +
                                      " with what is on the target; nothing was written");
  for (size_t i = 0; i < conflicts.size() && i < kShown; ++i) error.hint(conflicts[i]);
  if (conflicts.size() > kShown) error.hint(std::to_string(conflicts.size() - kShown) + " more");
  return std::move(error)
      .hint("--no-indexes leaves the backup's indexes out, --ns-exclude whole collections")
      .hint("--ns-from and --ns-to restore beside what is there");
}

}  // namespace

Status check_merges(mongo::Connection& connection, const RestoreOptions& options, RestorePlan& plan,
                    const Cancel& cancel) {
  std::set<bson::Namespace> stay;
  for (const auto& item : plan.items) {
    if (item.merge || item.fill) stay.insert(item.name);
  }
  TRY_ASSIGN(const auto catalog, mongo::list_catalog(connection, stay, cancel));
  std::map<bson::Namespace, const mongo::CollectionInfo*> there;
  for (const auto& info : catalog.collections) there[info.ns] = &info;
  std::vector<std::string> all;
  for (auto& item : plan.items) {
    const auto found = there.find(item.name);
    if ((!item.merge && !item.fill) || found == there.end()) continue;
    for (const auto& index : found->second->indexes) {
      item.indexes_there.emplace(index.view().string("name").value_or(""));
    }
    auto entry = *item.entry;
    entry.options = item.options;
    entry.indexes = item.indexes;
    std::vector<std::string> remarks;
    for (const auto& conflict : merge_conflicts(entry, *found->second, options.indexes, remarks)) {
      all.push_back(item.name.text() + ": " + conflict);
    }
    for (const auto& remark : remarks) plan.remarks.push_back(item.name.text() + ": " + remark);
  }
  if (!all.empty()) return fail(conflict_error(all));
  return {};
}

}  // namespace varve::job
