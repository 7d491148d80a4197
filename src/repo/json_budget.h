#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "repo/json_reader.h"

namespace varve::repo {

/// Bounds what is made of a text in memory: four times its size, which no tree and no snapshot that a program writes
/// comes near, and a little for small ones. A text of a million things that say nothing would take twenty times.
class JsonBudget {
 public:
  JsonBudget(std::string_view text, size_t free) : left_(kFactor * text.size() + free) {}

  /// kCorrupt if that is more than is left.
  Status take(const JsonReader& in, size_t bytes) {
    if (bytes > left_) return in.error("so many things of so few bytes that they would fill the memory,");
    left_ -= bytes;
    return {};
  }

  /// Makes room for one more element, and for what the rest of the text may hold if it goes on so. Doubling would take
  /// three times the memory for a moment, and twice as much for good.
  template <typename T>
  void make_room(const JsonReader& in, std::vector<T>& elements) const {
    if (elements.size() < elements.capacity()) return;
    const size_t size = elements.size();
    const auto expected = static_cast<size_t>(static_cast<double>(size) / in.part_read() * 1.05);
    const size_t wanted = std::clamp(expected, size + size / 4 + 4, 4 * size + 16);
    elements.reserve(std::min(wanted, size + left_ / sizeof(T) + 1));
  }

 private:
  static constexpr size_t kFactor = 4;
  size_t left_;
};

/// What a string takes beside itself.
inline size_t heap_of(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

}  // namespace varve::repo
