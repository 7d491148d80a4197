#include <benchmark/benchmark.h>

#include "bson/document.h"
#include "collection/chunker.h"

namespace varve::collection {
namespace {

/// 64 MiB of documents of about the given size, cut into chunks of 1 MiB.
void cut_documents(benchmark::State& state) {
  Bytes stream;
  const std::string filler(static_cast<size_t>(state.range(0)), 'x');
  for (int64_t i = 0; stream.size() < (64u << 20); ++i) {
    append(stream, bson::Builder().add("_id", i * 7919).add("filler", filler).finish().bytes());
  }
  size_t chunks = 0;
  for (auto _ : state) {
    DocumentChunker chunker(cut_key(1), 1u << 20, [&](Chunk) -> Status {
      ++chunks;
      return {};
    });
    if (!chunker.add(stream) || !chunker.finish()) state.SkipWithError("not cut");
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * stream.size()));
}
BENCHMARK(cut_documents)->Arg(64)->Arg(200)->Arg(1000)->Arg(10'000);

}  // namespace
}  // namespace varve::collection
