#include "job/open_transactions.h"

#include <algorithm>

#include "mongo/oplog.h"

namespace varve::job {

void OpenTransactions::take(bson::View entry) {
  const auto lsid = entry.document("lsid");
  const auto o = entry.document("o");
  if (!lsid || !o || entry.string("op").value_or("") != "c") return;
  const std::string session(as_text(lsid->bytes()));
  if (o->truthy("partialTxn") || o->truthy("prepare")) {
    begun_.try_emplace(session, mongo::position_of(entry).ts);
  } else {
    begun_.erase(session);  // its last part, or its commit or abort
  }
}

void OpenTransactions::hear(bson::Timestamp oldest, bson::Timestamp as_of) {
  if (awaits_word() && oldest > unknown_->oldest) unknown_->over_at = as_of;
}

void OpenTransactions::reach(bson::Timestamp last) {
  if (unknown_ && unknown_->over_at && last >= *unknown_->over_at) unknown_.reset();
}

std::optional<bson::Timestamp> OpenTransactions::oldest() const {
  std::optional<bson::Timestamp> oldest;
  if (unknown_) oldest = unknown_->oldest;
  for (const auto& [session, ts] : begun_) oldest = std::min(ts, oldest.value_or(ts));
  return oldest;
}

}  // namespace varve::job
