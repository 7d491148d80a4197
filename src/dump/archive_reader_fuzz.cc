#include "base/fuzz.h"
#include "dump/testing/read_valid.h"

/// Whatever comes in is taken apart into valid documents, or refused.
VARVE_FUZZ(archive) {
  using namespace varve;
  size_t at = 0;
  const auto source = [&](std::span<uint8_t> into) -> Result<size_t> {
    const size_t size = std::min({into.size(), bytes.size() - at, size_t{4096}});
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, into.begin());
    at += size;
    return size;
  };
  const auto archive = dump::open_archive(source, 0, "x", {});
  if (!archive) return;
  dump::testing::read_valid(**archive);
}
