#include "repo/pack_subset.h"

#include <algorithm>
#include <random>

#include "base/parse.h"

namespace varve::repo {

namespace {

constexpr unsigned kMaxParts = 256;  // one byte of the id decides

unexpected<Error> refuse(std::string_view text, std::string why) {
  return fail(Error(ErrorKind::kInvalidInput, "\"" + std::string(text) + "\" is no part of the data: " + std::move(why))
                  .hint("1/5 is the first of five parts, 2.5% a share drawn at random, 50G a share of that size"));
}

}  // namespace

Result<PackSubset> PackSubset::parse(std::string_view text) {
  PackSubset subset;
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    const auto part = parse_number<unsigned>(text.substr(0, slash));
    const auto parts = parse_number<unsigned>(text.substr(slash + 1));
    if (!part || !parts) return refuse(text, "N/T wants two whole numbers");
    if (*part == 0 || *part > *parts) return refuse(text, "of N/T, N goes from 1 to T");
    if (*parts > kMaxParts) return refuse(text, "of N/T, T is at most 256");
    subset.kind_ = Kind::kPart;
    subset.part_ = *part;
    subset.parts_ = *parts;
  } else if (text.ends_with('%')) {
    const auto percent = parse_number<double>(text.substr(0, text.size() - 1));
    if (!percent) return refuse(text, "before the % there must be a number");
    if (!(*percent > 0 && *percent <= 100)) return refuse(text, "a percentage is above 0 and at most 100");
    subset.kind_ = Kind::kShare;
    subset.share_ = *percent / 100;
  } else {
    const auto size = parse_size(text);
    if (!size) return refuse(text, "it is no size");
    if (*size == 0) return refuse(text, "it is nothing");
    subset.kind_ = Kind::kSize;
    subset.size_ = *size;
  }
  return subset;
}

std::vector<storage::FileInfo> PackSubset::choose(std::vector<storage::FileInfo> packs) const {
  double share = share_;
  switch (kind_) {
    case Kind::kAll:
      return packs;
    case Kind::kPart:
      std::erase_if(packs, [&](const auto& pack) { return pack.id.bytes[0] % parts_ != part_ - 1; });
      return packs;
    case Kind::kSize: {
      uint64_t total = 0;
      for (const auto& pack : packs) total += pack.size;
      share = total == 0 ? 1 : std::min(1.0, static_cast<double>(size_) / static_cast<double>(total));
      break;
    }
    case Kind::kShare:
      break;
  }
  const auto wanted = static_cast<size_t>(static_cast<double>(packs.size()) * share);
  std::shuffle(packs.begin(), packs.end(), std::mt19937_64(std::random_device()()));
  if (!packs.empty()) packs.resize(std::max<size_t>(1, wanted));
  return packs;
}

}  // namespace varve::repo
