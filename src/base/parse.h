#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace varve {

/// The whole text as one number; nothing if it is anything else or does not fit.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A number of bytes as restic's options take it: "512", "10k", "50G"; the units B, K, M, G and T are powers of 1024.
std::optional<uint64_t> parse_size(std::string_view text);

}  // namespace varve
