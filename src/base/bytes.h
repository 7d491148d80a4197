#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// From so many bytes on memory comes from the system by itself and goes back to it at once.
inline constexpr size_t kLargeBlock = 3u << 20;
/// In pages of megabytes where the system has them: in those of four kilobytes a buffer that a pack is read into costs
/// thousands of faults at its first touch. Throws std::bad_alloc; free_large gives it back.
void* allocate_large(size_t size);
void free_large(void* block) noexcept;

/// Leaves new elements uninitialised: growing a buffer that is about to be filled must not cost a pass over it.
template <typename T>
struct UninitialisedAllocator : std::allocator<T> {
  T* allocate(size_t count) {
    if (count < kLargeBlock / sizeof(T)) return std::allocator<T>::allocate(count);
    return static_cast<T*>(allocate_large(count * sizeof(T)));
  }
  void deallocate(T* block, size_t count) noexcept {
    if (count < kLargeBlock / sizeof(T)) return std::allocator<T>::deallocate(block, count);
    free_large(block);
  }
  template <typename U>
  struct rebind {
    using other = UninitialisedAllocator<U>;
  };
  template <typename U>
  void construct(U* p) noexcept {
    ::new (static_cast<void*>(p)) U;
  }
  template <typename U, typename... Args>
  void construct(U* p, Args&&... args) {
    ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
  }
};

using Bytes = std::vector<uint8_t, UninitialisedAllocator<uint8_t>>;
using ByteView = std::span<const uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView view) {
  return Bytes(view.begin(), view.end());
}
inline void append(Bytes& out, ByteView more) {
  out.insert(out.end(), more.begin(), more.end());
}

/// Little-endian integers at an address that need not be aligned.
template <typename T>
T load_le(const uint8_t* p) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
template <typename T>
void append_le(Bytes& out, T value) {
  static_assert(std::endian::native == std::endian::little);
  append(out, {reinterpret_cast<const uint8_t*>(&value), sizeof value});
}

/// Lower-case hex.
std::string to_hex(ByteView bytes);
/// Upper case is accepted too; nothing if the length is odd or a character is not hex.
std::optional<Bytes> from_hex(std::string_view text);

/// A SHA-256: of a blob's plain bytes, or of a stored file.
struct Id {
  std::array<uint8_t, 32> bytes{};

  auto operator<=>(const Id&) const = default;
  std::string hex() const { return to_hex(bytes); }
  /// The eight characters that people see.
  std::string short_hex() const { return hex().substr(0, 8); }
  bool is_null() const { return *this == Id{}; }
  static std::optional<Id> parse(std::string_view hex64);
};

/// Fills from the operating system's generator; ends the process if that fails, since nothing safe can follow.
void random_bytes(std::span<uint8_t> out);

}  // namespace varve

template <>
struct std::hash<varve::Id> {
  size_t operator()(const varve::Id& id) const noexcept {
    size_t value;
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};
