#include <benchmark/benchmark.h>

#include "codec/hash.h"
#include "codec/rabin.h"
#include "codec/seal.h"
#include "codec/sha256.h"
#include "codec/zstd.h"

namespace varve::codec {
namespace {

constexpr size_t kMiB = 1u << 20;

Bytes random_data(size_t size) {
  Bytes data(size);
  random_bytes(data);
  return data;
}

/// Compresses about as well as documents do: words of a small vocabulary and numbers.
Bytes document_like(size_t size) {
  const Bytes words = random_data(2048);
  Bytes choices = random_data(size);
  Bytes data;
  for (size_t i = 0; data.size() < size; i += 4) {
    append(data, ByteView(words).subspan((choices[i] | choices[i + 1] << 8) % 2000, 12));
    append(data, ByteView(choices).subspan(i + 2, 2));
  }
  data.resize(size);
  return data;
}

void finish(benchmark::State& state, size_t size) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(size));
}

void bench_sha256(benchmark::State& state) {
  const Bytes data = random_data(static_cast<size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(sha256(data));
  finish(state, data.size());
}
BENCHMARK(bench_sha256)->Arg(256)->Arg(kMiB);

void bench_seal(benchmark::State& state) {
  const Bytes data = random_data(static_cast<size_t>(state.range(0)));
  Bytes out;
  for (auto _ : state) {
    out.clear();
    seal(SealKey{}, Iv{1}, data, out);
  }
  finish(state, data.size());
}
BENCHMARK(bench_seal)->Arg(256)->Arg(kMiB);

void bench_unseal(benchmark::State& state) {
  Bytes unit;
  seal(SealKey{}, Iv{1}, random_data(static_cast<size_t>(state.range(0))), unit);
  for (auto _ : state) benchmark::DoNotOptimize(unseal(SealKey{}, unit));
  finish(state, unit.size());
}
BENCHMARK(bench_unseal)->Arg(256)->Arg(kMiB);

void bench_compress(benchmark::State& state) {
  const Bytes data = document_like(kMiB);
  Compressor compressor(static_cast<Compression>(state.range(0)));
  Bytes out;
  for (auto _ : state) {
    out.clear();
    compressor.compress(data, out);
  }
  finish(state, data.size());
  state.counters["ratio"] = static_cast<double>(data.size()) / static_cast<double>(out.size());
}
BENCHMARK(bench_compress)->DenseRange(static_cast<int>(Compression::kFastest), static_cast<int>(Compression::kMax));

void bench_decompress(benchmark::State& state) {
  const Bytes data = document_like(kMiB);
  Bytes frame;
  Compressor().compress(data, frame);
  Decompressor decompressor;
  for (auto _ : state) benchmark::DoNotOptimize(decompressor.decompress_exactly(frame, data.size()));
  finish(state, data.size());
}
BENCHMARK(bench_decompress);

void bench_rabin(benchmark::State& state) {
  const Bytes data = random_data(64 * kMiB);
  for (auto _ : state) {
    RabinChunker chunker(0x3da3358b4dc173);
    bool cut = false;
    for (ByteView rest = data; !rest.empty();) rest = rest.subspan(chunker.feed(rest, &cut));
  }
  finish(state, data.size());
}
BENCHMARK(bench_rabin);

void bench_crc64(benchmark::State& state) {
  const Bytes data = random_data(kMiB);
  for (auto _ : state) benchmark::DoNotOptimize(crc64(data));
  finish(state, data.size());
}
BENCHMARK(bench_crc64);

void bench_siphash(benchmark::State& state) {
  const Bytes id = random_data(17);
  const std::array<uint8_t, 16> key{};
  for (auto _ : state) benchmark::DoNotOptimize(siphash24(key, id));
  finish(state, id.size());
}
BENCHMARK(bench_siphash);

void bench_xxh3(benchmark::State& state) {
  const Bytes data = random_data(static_cast<size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(xxh3_128(data));
  finish(state, data.size());
}
BENCHMARK(bench_xxh3)->Arg(500)->Arg(kMiB);

}  // namespace
}  // namespace varve::codec
