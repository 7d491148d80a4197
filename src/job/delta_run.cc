#include "job/delta_run.h"

#include <algorithm>

#include "bson/id_key.h"

namespace varve::job {

namespace {

bson::Document id_of(ByteView document) {
  const auto id = bson::View(document).find("_id");
  return id ? bson::Builder().add(*id).finish() : bson::Document();
}

}  // namespace

Status DeltaRun::change(ByteView before, ByteView after) {
  const auto some = before.empty() ? after : before;
  const auto id = bson::View(some).find("_id");
  if (!id) {
    unfit_ = true;
    return {};
  }
  Bytes scratch;
  const std::string key(as_text(bson::id_key(*id, scratch)));
  if (after.empty()) {
    if (!given_.contains(key) && gone_.emplace(key, id_of(before)).second) bytes_ += key.size();
    return {};
  }
  given_.insert(key);
  const auto new_id = id_of(after);
  auto old_id = before.empty() ? bson::Document() : id_of(before);
  if (const auto went = gone_.find(key); went != gone_.end()) {
    old_id = std::move(went->second);
    gone_.erase(went);
  }
  const bool was_there = !old_id.view().empty();
  if (was_there && std::ranges::equal(old_id.bytes(), new_id.bytes())) return give('u', new_id, bson::View(after));
  // 5 and 5.0 are one key, but no update makes the one of the other.
  if (was_there) TRY(give('d', old_id, {}));
  return give('i', new_id, bson::View(after));
}

Status DeltaRun::finish() {
  for (const auto& [key, id] : gone_) TRY(give('d', id, {}));
  gone_.clear();
  return {};
}

Status DeltaRun::give(char op, bson::View id, bson::View document) {
  ++operations_;
  bytes_ += id.bytes().size() + document.bytes().size();
  return take_(op, id, document);
}

Status OpenParts::take(ByteView bytes) {
  const bson::View entry(bytes);
  const auto lsid = entry.document("lsid");
  const auto o = entry.document("o");
  if (!lsid || !o || entry.string("op").value_or("") != "c") return {};
  const std::string session(as_text(lsid->bytes()));
  if (!o->truthy("partialTxn") && !o->truthy("prepare")) {
    if (const auto ended = begun_.find(session); ended != begun_.end()) {
      for (const auto& part : ended->second) bytes_ -= part.size();
      begun_.erase(ended);
    }
    return {};
  }
  begun_[session].push_back(to_bytes(bytes));
  bytes_ += bytes.size();
  if (bytes_ <= kMost) return {};
  return fail(Error(ErrorKind::kUnsupported, "transactions that were open at that moment are too large to be kept")
                  .hint("take another moment, or a backup"));
}

std::vector<Bytes> OpenParts::entries() const {
  std::vector<Bytes> all;
  for (const auto& [session, parts] : begun_) all.insert(all.end(), parts.begin(), parts.end());
  std::ranges::sort(all, {},
                    [](const Bytes& entry) { return bson::View(entry).timestamp("ts").value_or(bson::Timestamp{}); });
  return all;
}

}  // namespace varve::job
