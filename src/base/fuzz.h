#pragma once

#include "base/bytes.h"

/// A fuzz target, in a file `name_fuzz.cc`:
///   VARVE_FUZZ(name) { ... }
/// gets any `bytes` whatever and aborts where something that must hold does not. libFuzzer calls it for hours; in the
/// unit tests of its room it is a test that feeds it every file of tests/corpus/name.
#ifdef VARVE_REPLAY

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace varve {

inline void replay_corpus(const std::string& folder, void (*target)(ByteView)) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().string());
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(in), {}};
    // A copy of just that size, so that the sanitizers see what reads beyond its end.
    target(to_bytes(as_bytes(content)));
    ++files;
  }
  EXPECT_GT(files, 0u) << "no input in " << folder;
}

}  // namespace varve

#define VARVE_FUZZ(name)                                            \
  static void fuzz_##name(varve::ByteView bytes);                   \
  TEST(Corpus, name) {                                              \
    varve::replay_corpus(VARVE_TEST_CORPUS "/" #name, fuzz_##name); \
  }                                                                 \
  static void fuzz_##name(varve::ByteView bytes)

#else

#define VARVE_FUZZ(name)                                                    \
  static void fuzz_##name(varve::ByteView bytes);                           \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);  \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { \
    fuzz_##name({data, size});                                              \
    return 0;                                                               \
  }                                                                         \
  static void fuzz_##name(varve::ByteView bytes)

#endif
