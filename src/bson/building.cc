#include "bson/building.h"

#include <charconv>

namespace varve::bson {

std::optional<uint32_t> array_index(std::string_view name) {
  uint32_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  if (!whole || (name.size() > 1 && name[0] == '0')) return std::nullopt;
  return index;
}

}  // namespace varve::bson
