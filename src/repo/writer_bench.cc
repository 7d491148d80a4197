#include <benchmark/benchmark.h>

#include "repo/index.h"
#include "repo/writer.h"
#include "storage/memory.h"

namespace varve::repo {
namespace {

constexpr size_t kBlob = 1u << 20;
constexpr size_t kBlobs = 1024;

/// Documents as applications write them: counters, words, numbers, random ids. Compresses about fourfold.
Bytes document_blob(uint64_t seed) {
  constexpr std::string_view kWords[] = {"Basel",    "order",  "pending", "shipped",
                                         "customer", "Zurich", "express", "gift"};
  uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
  const auto random = [&] {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
  };
  Bytes out;
  out.reserve(kBlob + 256);
  while (out.size() < kBlob) {
    append(out, as_bytes("\x97\0\0\0\x07_id\0"));
    append_le(out, random());
    append(out, as_bytes("\x02status\0"));
    append(out, as_bytes(kWords[random() % 8]));
    append(out, as_bytes("\x02"
                         "city\0"));
    append(out, as_bytes(kWords[random() % 8]));
    append(out, as_bytes("\x01total\0"));
    append_le(out, static_cast<double>(random() % 100'000) / 100);
    append(out, as_bytes("\x09"
                         "created\0"));
    append_le(out, 1'700'000'000'000 + random() % 1'000'000'000);
  }
  out.resize(kBlob);
  return out;
}

void write(benchmark::State& state, codec::Compression level) {
  std::vector<Bytes> blobs;
  for (size_t i = 0; i < kBlobs; ++i) blobs.push_back(document_blob(i));
  WriterStats stats;
  for (auto _ : state) {
    const auto repository =
        std::move(*Repository::init(std::make_shared<storage::MemoryStorage>(), "geheim", {}, {1024, 8, 1}, Cancel()));
    WriterOptions options;
    options.compression = level;
    Writer writer(*repository, options, Cancel());
    for (const auto& blob : blobs) {
      if (!writer.save(BlobType::kData, blob, [](const Id&) {})) return state.SkipWithError("save failed");
    }
    if (!writer.finish()) return state.SkipWithError("finish failed");
    stats = writer.stats();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kBlobs * kBlob));
  state.counters["ratio"] = static_cast<double>(stats.plain_bytes_new) / static_cast<double>(stats.packed_bytes);
}
BENCHMARK_CAPTURE(write, fastest, codec::Compression::kFastest)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);
BENCHMARK_CAPTURE(write, auto, codec::Compression::kAuto) -> UseRealTime() -> Unit(benchmark::kMillisecond)
    -> Iterations(1);
BENCHMARK_CAPTURE(write, off, codec::Compression::kOff)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(1);

void deduplicate(benchmark::State& state) {
  const auto repository =
      std::move(*Repository::init(std::make_shared<storage::MemoryStorage>(), "geheim", {}, {1024, 8, 1}, Cancel()));
  const Bytes blob = document_blob(1);
  for (auto _ : state) {
    Writer writer(*repository, {}, Cancel());
    for (size_t i = 0; i < kBlobs; ++i) (void)writer.save(BlobType::kData, blob, [](const Id&) {});
    if (!writer.finish()) return state.SkipWithError("finish failed");
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kBlobs * kBlob));
}
BENCHMARK(deduplicate)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(1);

void load_index(benchmark::State& state) {
  std::vector<IndexedPack> packs;
  constexpr uint32_t kEach = 500;
  for (uint32_t p = 0; p < 2000; ++p) {
    IndexedPack pack;
    random_bytes(pack.pack.bytes);
    for (uint32_t i = 0; i < kEach; ++i) {
      Index::PackedBlob blob{BlobType::kData, {}, {pack.pack, i * 30'000, 30'000, 100'000}};
      random_bytes(blob.id.bytes);
      pack.blobs.push_back(blob);
    }
    packs.push_back(std::move(pack));
  }
  const std::string json = encode_index(packs);
  for (auto _ : state) {
    Index index;
    (void)decode_index(json, [&](const IndexedPack& pack) { index.load_pack(pack.blobs); });
    index.settle();
    benchmark::DoNotOptimize(index.size());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * packs.size() * kEach));
}
BENCHMARK(load_index)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace varve::repo
