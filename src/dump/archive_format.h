#pragma once

#include <cstdint>

namespace varve::dump {

// mongo-tools, common/archive: little-endian numbers in the stream.
constexpr uint32_t kArchiveMagic = 0x8199e26d;
constexpr uint32_t kArchiveTerminator = 0xffffffff;

}  // namespace varve::dump
