#include "storage/s3_place.h"

#include <algorithm>

#include <fmt/format.h>

#include "net/encoding.h"
#include "storage/layout.h"

namespace varve::storage {

namespace {

constexpr std::string_view kAmazon = "s3.amazonaws.com";
constexpr std::string_view kAmazonEnd = ".amazonaws.com";

Error unusable(const std::string& what) {
  return Error(ErrorKind::kInvalidInput, what)
      .hint("such as s3:s3.eu-west-1.amazonaws.com/bucket/folder or s3:http://host:9000/bucket");
}

bool take(std::string_view& text, std::string_view beginning) {
  if (!text.starts_with(beginning)) return false;
  text.remove_prefix(beginning.size());
  return true;
}

std::string without_usual_port(const std::string& scheme, std::string host) {
  const std::string_view usual = scheme == "https" ? ":443" : ":80";
  if (host.ends_with(usual)) host.resize(host.size() - usual.size());
  return host;
}

bool is_lower(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
}

/// Such as eu-west-1 or us-gov-east-1: two letters, words and a digit, joined by dashes.
bool is_region_of_amazon(std::string_view text) {
  if (text.size() < 2 || !is_lower(text.substr(0, 2))) return false;
  text.remove_prefix(2);
  unsigned words = 0;
  while (take(text, "-")) {
    const auto part = text.substr(0, text.find('-'));
    text.remove_prefix(part.size());
    if (!is_lower(part)) return words > 0 && text.empty() && part.size() == 1 && part[0] >= '0' && part[0] <= '9';
    ++words;
  }
  return false;
}

}  // namespace

Result<S3Place> S3Place::parse(std::string_view text) {
  S3Place place;
  place.scheme = take(text, "http://") ? "http" : "https";
  if (place.scheme == "https" && !take(text, "https://")) take(text, "//");
  const size_t slash = std::min(text.find('/'), text.size());
  place.host = without_usual_port(place.scheme, std::string(text.substr(0, slash)));
  text.remove_prefix(std::min(slash + 1, text.size()));
  const size_t end = std::min(text.find('/'), text.size());
  place.bucket = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (place.host.empty() || place.host.find_first_of("@?# ") != std::string::npos) {
    return fail(unusable("the place in S3 names no host"));
  }
  if (place.bucket.empty()) return fail(unusable("the place in S3 names no bucket"));
  const auto prefix = key_prefix(text);
  if (!prefix) return fail(unusable("the folder in a bucket cannot have \"..\" in it"));
  place.prefix = *prefix;
  return place;
}

Result<S3Place::Lookup> S3Place::parse_lookup(std::string_view text) {
  if (text.empty() || text == "auto") return Lookup::kAuto;
  if (text == "dns") return Lookup::kHost;
  if (text == "path") return Lookup::kPath;
  return fail(ErrorKind::kInvalidInput, fmt::format("-o s3.bucket-lookup={}: auto, dns and path are known", text));
}

bool S3Place::bucket_in_host() const {
  if (lookup != Lookup::kAuto) return lookup == Lookup::kHost;
  const std::string_view name(host);
  const bool custom = name.ends_with(kAmazonEnd) || name.ends_with(".amazonaws.com.cn") ||
                      name == "storage.googleapis.com" || name.ends_with(".aliyuncs.com");
  return custom && (scheme == "http" || bucket.find('.') == std::string::npos);
}

std::string S3Place::region_of_host() const {
  std::string_view name(host);
  if (name == kAmazon || !name.ends_with(kAmazonEnd)) return "";
  name.remove_suffix(kAmazonEnd.size());
  if (!take(name, "s3.dualstack.") && !take(name, "s3.") && !take(name, "s3-")) return "";
  return is_region_of_amazon(name) ? std::string(name) : "";
}

std::string S3Place::bucket_url(const std::string& region) const {
  const bool of_another = host == kAmazon || (!region_of_host().empty() && region_of_host() != region);
  const std::string of_region = of_another && !region.empty() ? "s3." + region + std::string(kAmazonEnd) : host;
  if (bucket_in_host()) return fmt::format("{}://{}.{}/", scheme, bucket, of_region);
  return fmt::format("{}://{}/{}/", scheme, of_region, net::percent_encoded(bucket));
}

std::string S3Place::location() const {
  return fmt::format("s3:{}://{}/{}/{}", scheme, host, bucket, prefix);
}

}  // namespace varve::storage
