#include "job/prove_restored.h"

#include <fmt/format.h>

#include "job/target_digest.h"

namespace varve::job {

Result<Proof> prove_loaded(mongo::Connection& connection, const RestorePlan::Item& item, const Loaded& loaded,
                           const Cancel& cancel) {
  const auto& expected = loaded.as_stored;
  OrderHash order;  // of a capped collection, where it is part of the content (RULES 12)
  const auto visit = [&](ByteView document) -> Status {
    order.add(document);
    return {};
  };
  TRY_ASSIGN(const auto found, digest_on_server(connection, item.load_into,
                                                loaded.order ? visit : std::function<Status(ByteView)>{}, cancel));
  Proof proof;
  if (found != expected) {
    proof.shortfalls.push_back(
        fmt::format("{}: the target holds {} documents ({} bytes), {} ({} bytes) were restored{}", item.name.text(),
                    found.documents, found.bytes, expected.documents, expected.bytes,
                    found.documents == expected.documents ? ", and their contents differ" : ""));
  } else if (loaded.order && order != *loaded.order) {
    proof.shortfalls.push_back(item.name.text() + ": the target holds its documents in another order");
  }
  proof.differs = !proof.shortfalls.empty();
  return proof;
}

Result<Proof> prove_merged(mongo::Connection& connection, const RestorePlan::Item& item, const BackupReader& backup,
                           const RestoreOptions& options, const Cancel& cancel) {
  constexpr size_t kNamed = 5;
  Difference difference;
  TRY(compare_documents(documents_of(backup, item.entry->ns, options.merge), documents_of(connection, item.name),
                        kNamed, difference, cancel));
  Proof proof;
  if (difference.missing_count > 0) {
    proof.shortfalls.push_back(fmt::format("{}: {} documents of the backup are missing on the target, such as _id {}",
                                           item.name.text(), difference.missing_count,
                                           difference.missing.empty() ? "?" : difference.missing.front()));
  }
  if (difference.changed_count > 0) {
    const bool meant = options.existing == OnExisting::kAddMissing;
    (meant ? proof.remarks : proof.shortfalls)
        .push_back(fmt::format("{}: {} documents on the target differ from the backup's of the same _id{}",
                               item.name.text(), difference.changed_count, meant ? " and stayed" : ""));
  }
  return proof;
}

}  // namespace varve::job
