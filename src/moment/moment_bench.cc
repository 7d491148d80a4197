#include <benchmark/benchmark.h>

#include "moment/moment.h"

namespace varve::moment {
namespace {

using bson::Builder;
using bson::Document;

constexpr int64_t kDocuments = 200'000;

Document document(int64_t id) {
  return Builder().add("_id", id * 7919).add("n", int32_t{1}).add("filler", std::string(250, 'x')).finish();
}

Document entry(uint32_t number, const char* op, const Document& o, int64_t id) {
  Builder b;
  b.add("ts", bson::Timestamp{1 + number, 1}).add("t", int64_t{1}).add("v", int64_t{2}).add("op", op);
  b.add("ns", "db.c").add_uuid("ui", Bytes(16, 1)).add("o", o);
  if (*op == 'u') b.open("o2").add("_id", id * 7919).end();
  return b.finish();
}

Document counter(int64_t number) {
  Builder b;
  return b.add("$v", int32_t{2}).open("diff").open("u").add("n", static_cast<int32_t>(number)).finish();
}

/// `of`: documents that the entries are about, each in turn.
std::vector<Document> entries(const char* op, int64_t of) {
  std::vector<Document> all;
  for (int64_t i = 0; i < kDocuments; ++i) {
    const int64_t id = i % of;
    all.push_back(entry(static_cast<uint32_t>(i), op, *op == 'u' ? counter(i) : document(id), id));
  }
  return all;
}

Base base() {
  Base made;
  auto& collection = made.collections.emplace_back();
  collection.ns = {"db", "c"};
  collection.type = "collection";
  collection.uuid = to_hex(Bytes(16, 1));
  return made;
}

std::unique_ptr<Moment> fed(const std::vector<Document>& all, uint64_t memory) {
  Options options;
  options.memory = memory;
  options.spill_folder = "/tmp";
  auto moment = Moment::open(base(), options);
  for (const auto& one : all) {
    if (!(*moment)->take(one.bytes())) return nullptr;
  }
  if (!(*moment)->finish()) return nullptr;
  return std::move(*moment);
}

/// Entries into a moment: inserts, updates of different documents, updates of few.
void take(benchmark::State& state, const char* op, int64_t of, uint64_t memory) {
  const auto all = entries(op, of);
  for (auto _ : state) {
    const auto moment = fed(all, memory);
    if (!moment) state.SkipWithError("not taken");
    benchmark::DoNotOptimize(moment->account());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kDocuments);
}
BENCHMARK_CAPTURE(take, inserts, "i", kDocuments, 1ull << 30);
BENCHMARK_CAPTURE(take, inserts_spilled, "i", kDocuments, 32ull << 20);
BENCHMARK_CAPTURE(take, updates, "u", kDocuments, 1ull << 30);
BENCHMARK_CAPTURE(take, counters, "u", 100, 1ull << 30);

/// Documents of a base through the merge: one in `of` has changed.
void merge(benchmark::State& state, uint64_t memory) {
  const auto moment = fed(entries("u", kDocuments / state.range(0)), memory);
  std::vector<Document> documents;
  for (int64_t i = 0; i < kDocuments; ++i) documents.push_back(document(i));
  const auto merger = moment->merge(0);
  Merge::Share share;
  int64_t met = 0;
  for (auto _ : state) {
    const auto out = (*merger)->next(documents[static_cast<size_t>(met++ % kDocuments)].bytes(), share);
    benchmark::DoNotOptimize(out);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK_CAPTURE(merge, in_memory, 1ull << 30)->Arg(1)->Arg(100)->Iterations(kDocuments);
BENCHMARK_CAPTURE(merge, spilled, 16ull << 20)->Arg(1)->Iterations(kDocuments);

}  // namespace
}  // namespace varve::moment
