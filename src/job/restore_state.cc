#include "job/restore_state.h"

#include <algorithm>

#include "codec/sha256.h"

namespace varve::job {

namespace {

constexpr int32_t kFormat = 1;
constexpr int64_t kLatest = 4'102'444'800'000;  // 2100: a clock that is further is broken
constexpr size_t kIdBytes = 16, kUuidBytes = 16;

std::string text_of(bson::View document, std::string_view name) {
  return std::string(document.string(name).value_or(""));
}

/// Nothing of a name is guessed: both parts are there or it is none.
std::optional<bson::Namespace> namespace_of(bson::View document, std::string_view path) {
  auto ns = bson::Namespace::parse(document.string(path).value_or(""));
  if (ns.db.empty() || ns.collection.empty()) return std::nullopt;
  return ns;
}

std::optional<RunState> decode_run(bson::View document) {
  if (document.int64("format") != kFormat) return std::nullopt;
  auto run = make_run(text_of(document, "tree"), text_of(document, "snapshot"), text_of(document, "words"), 0);
  const auto begun = document.find("begun");
  run.begun = begun ? std::clamp<int64_t>(begun->as_date().value_or(0), 0, kLatest) : 0;
  if (document.string("_id") != run.id) return std::nullopt;
  return run;
}

std::optional<Spans> decode_spans(bson::View document) {
  Spans spans;
  const auto array = document.array("blobs");
  if (!array) return spans;
  auto elements = array->elements();
  while (const auto element = elements.next()) {
    const auto pair = element->as_array();
    const auto first = pair ? pair->int64("0") : std::nullopt;
    const auto last = pair ? pair->int64("1") : std::nullopt;
    if (!first || !last || *first < 0 || *last <= *first) return std::nullopt;
    spans.add(static_cast<uint64_t>(*first), static_cast<uint64_t>(*last));
  }
  return spans;
}

std::vector<std::string> decode_sentences(bson::View document, std::string_view name) {
  std::vector<std::string> sentences;
  const auto array = document.array(name);
  if (!array) return sentences;
  auto elements = array->elements();
  while (const auto element = elements.next()) {
    if (const auto sentence = element->as_string()) sentences.emplace_back(*sentence);
  }
  return sentences;
}

std::optional<CollectionState> decode_collection(bson::View document) {
  const auto name = namespace_of(document, "_id.ns");
  const auto into = namespace_of(document, "into");
  auto spans = decode_spans(document);
  if (!name || !into || into->db != name->db || !spans) return std::nullopt;
  // It may be dropped: never what could be a user's.
  if (*into != *name && !into->collection.starts_with(kTemporaryPrefix)) return std::nullopt;
  CollectionState state;
  state.name = *name;
  state.into = *into;
  state.there = document.truthy("there");
  state.merge = document.truthy("merge");
  if (const auto uuid = document.find("uuid")) state.uuid = to_bytes(uuid->as_uuid().value_or(ByteView()));
  state.blobs = std::move(*spans);
  state.loaded = document.truthy("loaded");
  state.verified = document.truthy("verified");
  state.documents = static_cast<uint64_t>(std::max<int64_t>(document.int64("documents").value_or(0), 0));
  state.bytes = static_cast<uint64_t>(std::max<int64_t>(document.int64("bytes").value_or(0), 0));
  state.too_large = decode_sentences(document, "too_large");
  return state;
}

}  // namespace

void Spans::add(uint64_t first, uint64_t last) {
  if (first >= last) return;
  auto at = spans_.upper_bound(first);
  if (at != spans_.begin() && std::prev(at)->second >= first) --at;
  while (at != spans_.end() && at->first <= last) {
    first = std::min(first, at->first);
    last = std::max(last, at->second);
    at = spans_.erase(at);
  }
  spans_.emplace(first, last);
}

bool Spans::cover(uint64_t first, uint64_t last) const {
  if (first >= last) return true;
  const auto after = spans_.upper_bound(first);
  return after != spans_.begin() && std::prev(after)->second >= last;
}

RunState make_run(std::string tree, std::string snapshot, std::string words, int64_t begun) {
  const auto hash = codec::sha256(as_bytes(tree + "\n" + words));
  return {to_hex(ByteView(hash.bytes).first(kIdBytes)), std::move(tree), std::move(snapshot), std::move(words), begun};
}

bson::Document encode_run(const RunState& run) {
  bson::Builder out;
  out.add("_id", run.id).add("format", kFormat).add("tree", run.tree).add("snapshot", run.snapshot);
  return out.add("words", run.words).add_date("begun", run.begun).finish();
}

bson::Document encode_collection(const std::string& run_id, const CollectionState& state) {
  bson::Builder out;
  out.open("_id").add("run", run_id).add("ns", state.name.text()).end();
  out.add("into", state.into.text()).add("there", state.there).add("merge", state.merge);
  if (state.uuid.size() == kUuidBytes) out.add_uuid("uuid", state.uuid);
  if (!state.blobs.all().empty()) {
    out.open_array("blobs");
    size_t i = 0;
    for (const auto& [first, last] : state.blobs.all()) {
      out.open_array(std::to_string(i++));
      out.add("0", static_cast<int64_t>(first)).add("1", static_cast<int64_t>(last)).end();
    }
    out.end();
  }
  out.add("loaded", state.loaded).add("verified", state.verified);
  out.add("documents", static_cast<int64_t>(state.documents)).add("bytes", static_cast<int64_t>(state.bytes));
  if (!state.too_large.empty()) {
    out.open_array("too_large");
    for (size_t i = 0; i < state.too_large.size(); ++i) out.add(std::to_string(i), state.too_large[i]);
    out.end();
  }
  return out.finish();
}

std::vector<Unfinished> decode_state(const std::vector<bson::Document>& runs,
                                     const std::vector<bson::Document>& collections) {
  std::vector<Unfinished> unfinished;
  for (const auto& document : runs) {
    if (auto run = decode_run(document)) unfinished.push_back({std::move(*run), {}});
  }
  for (const auto& document : collections) {
    const auto id = document.view().string("_id.run");
    const auto run = std::ranges::find_if(unfinished, [&](const auto& each) { return each.run.id == id; });
    auto state = decode_collection(document);
    if (run != unfinished.end() && state) run->collections.insert_or_assign(state->name, std::move(*state));
  }
  return unfinished;
}

}  // namespace varve::job
