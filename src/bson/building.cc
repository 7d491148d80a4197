#include "bson/building.h"

#include <charconv>

namespace varve::bson {

std::optional<uint32_t> array_index(std::string_view name) {
  uint32_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  return whole ? std::optional(index) : std::nullopt;
}

}  // namespace varve::bson
