#include "storage/bucket_place.h"

#include <fmt/format.h>

#include "storage/layout.h"

namespace varve::storage {

namespace {

constexpr size_t kLongestBucket = 222;  // Google's, with dots in it

/// What Azure and Google take in the name of one, so that nothing else gets into a URL.
bool can_be_bucket(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-_.$";
  return !name.empty() && name.size() <= kLongestBucket && name.find_first_not_of(kAllowed) == std::string_view::npos &&
         name != "." && name != "..";
}

}  // namespace

Result<BucketPlace> BucketPlace::parse(const std::string& scheme, std::string_view text) {
  const auto unusable = [&](const std::string& what) {
    return fail(
        Error(ErrorKind::kInvalidInput, what).hint(fmt::format("such as {0}:name:/folder or {0}:name:/", scheme)));
  };
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return unusable(fmt::format("a place in {}: has a second colon", scheme));
  BucketPlace place{scheme, std::string(text.substr(0, colon)), ""};
  if (!can_be_bucket(place.bucket)) {
    return unusable(fmt::format("\"{}\" can be no name of a container or bucket", place.bucket));
  }
  auto folder = text.substr(colon + 1);
  folder.remove_prefix(std::min(folder.find_first_not_of('/'), folder.size()));
  const auto prefix = key_prefix(folder);
  if (!prefix) return unusable("the folder in a container or bucket cannot have \"..\" in it");
  place.prefix = *prefix;
  return place;
}

std::string BucketPlace::location() const {
  return fmt::format("{}:{}:/{}", scheme, bucket, prefix);
}

}  // namespace varve::storage
