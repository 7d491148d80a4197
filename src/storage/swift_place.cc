#include "storage/swift_place.h"

#include <nlohmann/json.hpp>

#include "storage/layout.h"

namespace varve::storage {

namespace {

using Json = nlohmann::json;

Error unusable(const std::string& what) {
  return Error(ErrorKind::kInvalidInput, what).hint("such as swift:container:/folder or swift:container:/");
}

std::string text_at(const Json& entry, const char* key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Result<SwiftPlace> SwiftPlace::parse(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || !text.substr(colon + 1).starts_with('/')) {
    return fail(unusable("a place in Swift is a container and a folder that begins with a slash"));
  }
  SwiftPlace place;
  place.container = text.substr(0, colon);
  if (place.container.empty() || place.container.find('/') != std::string::npos) {
    return fail(unusable("the place in Swift names no container"));
  }
  const auto prefix = key_prefix(text.substr(colon + 2));
  if (!prefix) return fail(unusable("the folder in a container cannot have \"..\" in it"));
  place.prefix = *prefix;
  return place;
}

std::string SwiftPlace::location() const {
  return "swift:" + container + ":/" + prefix;
}

Result<SwiftPage> parse_swift_page(const net::Response& response) {
  if (response.status == 204) return SwiftPage{};
  const Json json = Json::parse(response.body.begin(), response.body.end(), nullptr, false);
  if (!json.is_array()) return fail(ErrorKind::kUnavailable, "the answer is no listing");
  SwiftPage page;
  for (const Json& entry : json) {
    const auto size = entry.is_object() ? entry.find("bytes") : entry.end();
    if (size == entry.end() || !size->is_number_unsigned() || text_at(entry, "name").empty()) {
      return fail(ErrorKind::kUnavailable, "a file in the listing has no name or size");
    }
    page.objects.push_back({text_at(entry, "name"), size->get<uint64_t>()});
  }
  return page;
}

}  // namespace varve::storage
