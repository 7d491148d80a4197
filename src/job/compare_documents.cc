#include "job/compare_documents.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "bson/digest.h"
#include "bson/json.h"
#include "job/differing_documents.h"

namespace varve::job {

namespace {

// Documents remembered at once: an `_id` and 24 bytes each.
constexpr uint64_t kRemembered = 400'000;

/// The documents of some buckets of the backup, until they are met on the server.
struct Remembered {
  codec::UInt128 hash;
  bool met = false;
  std::string id;  ///< the raw element; empty if it is the key itself
};
using Memory = std::unordered_map<std::string, Remembered>;  // by key

std::string shown(const std::string& raw_id) {
  const auto bytes = as_bytes(raw_id);
  Bytes document;
  append_le(document, static_cast<int32_t>(bytes.size() + 5));
  append(document, bytes);
  document.push_back(0);
  const auto element = bson::View(document).elements().next();
  return element ? bson::to_json(*element, bson::JsonMode::kRelaxed) : "without _id";
}

class Comparison {
 public:
  Comparison(const DocumentSource& backup, const DocumentSource& server, size_t named, Difference& out)
      : backup_(backup), server_(server), named_(named), out_(out) {}

  Status run(const Cancel& cancel) {
    TRY_ASSIGN(const auto ours, sum_buckets(backup_, cancel));
    TRY_ASSIGN(const auto theirs, sum_buckets(server_, cancel));
    std::array<bool, kKeyBuckets> chosen{};
    uint64_t documents = 0;
    for (size_t i = 0; i < kKeyBuckets; ++i) {
      if (ours[i] == theirs[i]) continue;
      if (documents > 0 && documents + ours[i].documents > kRemembered) {
        TRY(look_closer(chosen, cancel));
        chosen.fill(false);
        documents = 0;
      }
      chosen[i] = true;
      documents += std::max<uint64_t>(ours[i].documents, 1);
    }
    return documents > 0 ? look_closer(chosen, cancel) : Status{};
  }

 private:
  Status look_closer(const std::array<bool, kKeyBuckets>& chosen, const Cancel& cancel) {
    Memory memory;
    Bytes scratch, space;
    TRY(backup_(
        [&](ByteView document) -> Status {
          const auto stored = bson::as_stored(document, scratch);
          const auto key = key_of(stored, space);
          if (chosen[key_bucket(key)]) remember(memory, key, stored);
          return {};
        },
        cancel));
    TRY(server_(
        [&](ByteView document) -> Status {
          const auto key = key_of(document, space);
          if (chosen[key_bucket(key)]) meet(memory, key, document);
          return {};
        },
        cancel));
    for (const auto& [key, remembered] : memory) {
      if (!remembered.met) name(out_.missing, out_.missing_count, remembered.id.empty() ? key : remembered.id);
    }
    return {};
  }

  static void remember(Memory& memory, ByteView key, ByteView document) {
    auto& remembered = memory[std::string(as_text(key))];
    remembered.hash = codec::xxh3_128(document);
    const auto id = bson::id_element(document);
    if (!std::ranges::equal(id, key)) remembered.id = as_text(id);
  }

  void meet(Memory& memory, ByteView key, ByteView document) {
    const std::string id(as_text(bson::id_element(document)));
    const auto it = memory.find(std::string(as_text(key)));
    if (it == memory.end()) {
      name(out_.extra, out_.extra_count, id);
      return;
    }
    it->second.met = true;
    if (it->second.hash != codec::xxh3_128(document)) name(out_.changed, out_.changed_count, id);
  }

  void name(std::vector<std::string>& list, uint64_t& count, const std::string& id) {
    ++count;
    if (out_.missing.size() + out_.extra.size() + out_.changed.size() < named_) list.push_back(shown(id));
  }

  const DocumentSource& backup_;
  const DocumentSource& server_;
  const size_t named_;
  Difference& out_;
};

}  // namespace

Status compare_documents(const DocumentSource& backup, const DocumentSource& server, size_t named,
                         Difference& difference, const Cancel& cancel) {
  return Comparison(backup, server, named, difference).run(cancel);
}

void OrderHash::add(ByteView document) {
  const auto own = codec::xxh3_128(bson::as_stored(document, scratch_));
  link_.clear();
  for (const uint64_t part : {hash_.low, hash_.high, own.low, own.high}) append_le(link_, part);
  hash_ = codec::xxh3_128(link_);
}

Result<OrderHash> order_of(const DocumentSource& source, const Cancel& cancel) {
  OrderHash hash;
  TRY(source(
      [&](ByteView document) -> Status {
        hash.add(document);
        return {};
      },
      cancel));
  return hash;
}

}  // namespace varve::job
