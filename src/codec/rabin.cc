#include "codec/rabin.h"

#include <algorithm>
#include <bit>

namespace varve::codec {

namespace {

// A cut is where the low 20 bits of the fingerprint are zero: every MiB of random data.
constexpr Polynomial kCutMask = (Polynomial{1} << 20) - 1;

}  // namespace

// The fingerprint is the window's bytes as a polynomial modulo `polynomial`. A byte moves it on by
//   fingerprint' = fingerprint * x^8 + in - out * x^(8 * 64)
// whose first term is reduced by mod_table_, indexed by its eight highest coefficients (which the entry also clears),
// and whose last one is out_table_.
RabinChunker::RabinChunker(Polynomial polynomial) {
  const int degree = 63 - std::countl_zero(polynomial);
  const auto shifted = [&](Polynomial value, int bits) {
    for (; bits > 0; --bits) {
      value <<= 1;
      if ((value >> degree & 1) != 0) value ^= polynomial;
    }
    return value;
  };
  shift_ = degree - 8;
  for (Polynomial b = 0; b < 256; ++b) {
    // The byte comes in from the right, bit by bit, so that small degrees are reduced too.
    const Polynomial high = b << shift_;
    mod_table_[b] = shifted(high, 8) ^ high << 8;
    out_table_[b] = shifted(b, 8 * kWindow);
  }
}

// restic's chunker lets a byte of value 1 into the empty window first. It has left again before the first place where
// a cut may be, so it is left out here: a cut depends on the 64 bytes before it alone.
void RabinChunker::reset() {
  window_.fill(0);
  digest_ = 0;
  length_ = 0;
}

bool RabinChunker::roll(const uint8_t* in, const uint8_t* out, size_t count, size_t* rolled) {
  Polynomial digest = digest_;
  bool due = false;
  size_t i = 0;
  while (i < count && !due) {
    digest = step(digest, in[i]) ^ out_table_[out[i]];
    ++i;
    due = (digest & kCutMask) == 0 && length_ + i >= kMin;
  }
  digest_ = digest;
  length_ += i;
  *rolled = i;
  return due || length_ == kMax;
}

// A step must wait for the one before it, and most of that is the table's latency. A fingerprint is one of its window
// alone, so several stretches of the data can be gone over in turn, each begun from the window before it.
bool RabinChunker::pass_block(const uint8_t* in) {
  std::array<Polynomial, kLanes> digests = {digest_};
  for (size_t lane = 1; lane < kLanes; ++lane) {
    for (const uint8_t* p = in + lane * kLane - kWindow; p < in + lane * kLane; ++p) {
      digests[lane] = step(digests[lane], *p);
    }
  }
  bool due = false;
  for (const uint8_t* p = in; p < in + kLane; ++p) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const uint8_t* at = p + lane * kLane;
      digests[lane] = step(digests[lane], *at) ^ out_table_[*(at - kWindow)];
      due |= (digests[lane] & kCutMask) == 0;
    }
  }
  if (due) return false;
  digest_ = digests[kLanes - 1];
  length_ += kBlock;
  return true;
}

bool RabinChunker::roll_on(const uint8_t* in, size_t count, size_t* rolled) {
  size_t passed = 0;
  while (count - passed >= kBlock && pass_block(in + passed)) passed += kBlock;
  const bool cut = roll(in + passed, in + passed - kWindow, count - passed, rolled);
  *rolled += passed;
  return cut;
}

void RabinChunker::remember(ByteView recent) {
  if (recent.empty()) return;
  recent = recent.last(std::min(recent.size(), kWindow));
  std::copy(window_.begin() + recent.size(), window_.end(), window_.begin());
  std::ranges::copy(recent, window_.end() - recent.size());
}

size_t RabinChunker::feed(ByteView data, bool* cut) {
  // What leaves the window before the first possible cut needs no fingerprint.
  const size_t skipped = length_ < kMin - kWindow ? std::min(kMin - kWindow - length_, data.size()) : 0;
  length_ += skipped;
  const ByteView rest = data.subspan(skipped, std::min(data.size() - skipped, kMax - length_));
  // The first bytes push out what came with an earlier call, the others what came in this one.
  size_t head = 0;
  size_t tail = 0;
  *cut = roll(rest.data(), window_.data(), std::min(rest.size(), kWindow), &head);
  if (!*cut && rest.size() > kWindow) {
    *cut = roll_on(rest.data() + kWindow, rest.size() - kWindow, &tail);
  }
  if (*cut) {
    reset();
  } else {
    remember(rest);
  }
  return skipped + head + tail;
}

}  // namespace varve::codec
