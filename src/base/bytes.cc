#include "base/bytes.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <sys/mman.h>
#include <sys/random.h>

namespace varve {

void* allocate_large(size_t size) {
  constexpr size_t kPage = 2u << 20;
  void* const block = std::aligned_alloc(kPage, (size + kPage - 1) / kPage * kPage);
  if (block == nullptr) throw std::bad_alloc();
  // Only what is used to its end: of the rest no more is touched than is needed.
  (void)::madvise(block, size / kPage * kPage, MADV_HUGEPAGE);
  return block;
}

void free_large(void* block) noexcept {
  std::free(block);
}

std::string to_hex(ByteView bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (uint8_t b : bytes) {
    out.push_back(kDigits[b >> 4]);
    out.push_back(kDigits[b & 15]);
  }
  return out;
}

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes out;
  out.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<uint8_t>(high << 4 | low));
  }
  return out;
}

std::optional<Id> Id::parse(std::string_view hex64) {
  if (hex64.size() != 64) return std::nullopt;
  const auto raw = from_hex(hex64);
  if (!raw) return std::nullopt;
  Id id;
  std::memcpy(id.bytes.data(), raw->data(), id.bytes.size());
  return id;
}

void random_bytes(std::span<uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      std::perror("getrandom");
      std::abort();
    }
    out = out.subspan(static_cast<size_t>(got));
  }
}

}  // namespace varve
