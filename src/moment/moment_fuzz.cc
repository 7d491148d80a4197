#include <cstdlib>

#include "base/fuzz.h"
#include "moment/moment.h"

using namespace varve;

namespace {

/// The documents that stand one after the other, as far as they are framed.
std::vector<ByteView> split(ByteView bytes) {
  std::vector<ByteView> documents;
  while (const auto size = bson::check_framing(bytes)) {
    documents.push_back(bytes.first(*size));
    bytes = bytes.subspan(*size);
  }
  return documents;
}

struct Input {
  moment::Base base;
  std::vector<std::vector<ByteView>> documents;  // of each collection of the base
  std::vector<ByteView> entries;
};

/// As tests/data/moment/pack.py writes a case: a header {t0, fuzzy}, collections with their documents, {oplog},
/// entries.
Input read(ByteView bytes) {
  Input input;
  const auto all = split(bytes);
  size_t i = 0;
  if (!all.empty()) {
    const bson::View header(all[i++]);
    input.base.time = input.base.from = header.timestamp("t0").value_or(bson::Timestamp{});
    input.base.exact = !header.truthy("fuzzy");
    input.base.at_least_5_0 = input.base.logs_evictions = header.string("server").value_or("") >= "5";
  }
  while (i < all.size() && !bson::View(all[i]).find("oplog")) {
    const bson::View header(all[i++]);
    auto& entry = input.base.collections.emplace_back();
    entry.ns = {std::string(header.string("db").value_or("")), std::string(header.string("collection").value_or(""))};
    entry.type = header.string("type").value_or("");
    entry.uuid = header.string("uuid").value_or("");
    if (const auto options = header.document("options")) entry.options = bson::Document(options->bytes());
    auto& documents = input.documents.emplace_back();
    for (int64_t n = header.int64("documents").value_or(0); n > 0 && i < all.size(); --n) {
      Bytes scratch;
      documents.push_back(all[i++]);
      entry.as_read.add(bson::as_stored(documents.back(), scratch));
    }
  }
  if (i < all.size()) input.entries.assign(all.begin() + static_cast<long>(i) + 1, all.end());
  return input;
}

/// The digest that the merge tells must be that of what came out.
Status merge_all(moment::Moment& moment, const Input& input) {
  for (size_t i = 0; i < moment.collections().size(); ++i) {
    const auto& given = moment.collections()[i];
    if (given.untouched) continue;
    TRY_ASSIGN(const auto merge, moment.merge(i));
    moment::Merge::Share share;
    bson::Digest out;
    const auto use = [&](ByteView document) -> Status {
      Bytes scratch;
      out.add(bson::as_stored(document, scratch));
      return {};
    };
    for (bool again = true; again;) {
      for (size_t d = 0; given.base && d < input.documents[*given.base].size(); ++d) {
        TRY_ASSIGN(const ByteView document, merge->next(input.documents[*given.base][d], share));
        if (!document.empty()) TRY(use(document));
      }
      TRY(merge->rest(share, use));
      TRY_ASSIGN(again, merge->again());
    }
    auto told = given.entry.as_read;
    told += share.change;
    if (told != out) std::abort();
  }
  return {};
}

}  // namespace

VARVE_FUZZ(moment) {
  const Input input = read(bytes);
  moment::Options options;
  options.memory = 1u << 20;  // and nowhere to spill to
  auto opened = moment::Moment::open(input.base, options);
  if (!opened) return;
  auto& moment = **opened;
  for (const ByteView entry : input.entries) {
    if (!moment.take(entry)) return;
  }
  if (moment.finish()) (void)merge_all(moment, input);
}
