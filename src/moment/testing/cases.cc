#include "moment/testing/cases.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "bson/json.h"
#include "bson/testing/samples.h"
#include "codec/zstd.h"

namespace varve::moment::testing {

namespace {

using bson::View;

/// Reads the documents of a packed case one by one (tests/data/moment/pack.py).
class Packed {
 public:
  explicit Packed(const Bytes& all) : documents_(bson::testing::split_documents(all)) {}

  bool more() const { return next_ < documents_.size(); }
  View peek() const { return View(documents_[next_]); }
  View take() { return View(documents_[next_++]); }
  std::vector<Bytes> take(int64_t count) {
    std::vector<Bytes> taken;
    for (; count > 0; --count) taken.push_back(to_bytes(take().bytes()));
    return taken;
  }

 private:
  std::vector<ByteView> documents_;
  size_t next_ = 0;
};

State read_state(Packed& packed) {
  const View header = packed.take();
  State state;
  state.entry.ns = {std::string(*header.string("db")), std::string(*header.string("collection"))};
  state.entry.type = *header.string("type");
  state.entry.uuid = *header.string("uuid");
  state.entry.options = bson::Document(header.document("options")->bytes());
  auto indexes = header.array("indexes")->elements();
  while (const auto index = indexes.next()) state.entry.indexes.emplace_back(index->value());
  state.documents = packed.take(*header.int64("documents"));
  state.entry.as_read = digest_of(state.documents);
  return state;
}

std::string text(const bson::Document& document) {
  return bson::to_json(document, bson::JsonMode::kCanonical);
}

/// Options and index specifications mean the same in any order of their fields.
std::string sorted_fields(const bson::Document& document) {
  std::set<std::string> fields;
  auto elements = document.view().elements();
  while (const auto element = elements.next()) {
    fields.insert(std::string(element->name()) + ": " + bson::to_json(*element, bson::JsonMode::kCanonical));
  }
  std::string all;
  for (const auto& field : fields) all += field + "\n";
  return all;
}

std::set<std::string> index_set(const std::vector<bson::Document>& indexes) {
  std::set<std::string> all;
  for (const auto& index : indexes) all.insert(sorted_fields(index));
  return all;
}

/// The document with the fields of every document in it sorted by name.
bson::Document sorted_deep(View document) {
  std::map<std::string, bson::Element> fields;
  auto elements = document.elements();
  while (const auto element = elements.next()) fields.emplace(element->name(), *element);
  bson::Builder builder;
  for (const auto& [name, element] : fields) {
    const auto inner = element.as_document();
    inner ? builder.add(name, sorted_deep(*inner)) : builder.add(element);
  }
  return builder.finish();
}

std::vector<std::string> texts(const std::vector<Bytes>& documents, bool in_order, bool any_field_order) {
  std::vector<std::string> all;
  for (const auto& document : documents) {
    all.push_back(text(any_field_order ? sorted_deep(View(document)) : bson::Document(document)));
  }
  if (!in_order) std::ranges::sort(all);
  return all;
}

/// Shows where two lists part, not all of both.
void expect_same(const std::vector<std::string>& found, const std::vector<std::string>& expected) {
  const auto [a, b] = std::ranges::mismatch(found, expected);
  if (a == found.end() && b == expected.end()) return;
  ADD_FAILURE() << found.size() << " documents, expected " << expected.size() << "; number " << a - found.begin()
                << " is\n"
                << (a == found.end() ? "none" : *a) << "\nexpected\n"
                << (b == expected.end() ? "none" : *b);
}

/// One pass over the base's documents by several threads.
Status pass(Merge& merge, const std::vector<Bytes>& documents, unsigned threads, Result& result) {
  if (merge.in_order()) threads = 1;
  std::mutex mutex;  // guards result and failed
  Status failed;
  std::vector<std::jthread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      Merge::Share share;
      for (size_t i = t; i < documents.size(); i += threads) {
        const auto out = merge.next(documents[i], share);
        std::lock_guard lock(mutex);
        if (!out) {
          failed = fail(out.error());
        } else if (!out->empty()) {
          result.documents.push_back(to_bytes(*out));
        }
      }
      std::lock_guard lock(mutex);
      result.digest += share.change;
    });
  }
  workers.clear();
  return failed;
}

Status merge_one(Moment& moment, size_t index, const std::vector<Bytes>& documents, unsigned threads, Result& result) {
  TRY_ASSIGN(const auto merge, moment.merge(index));
  for (bool again = true; again;) {
    ++result.passes;
    TRY(pass(*merge, documents, threads, result));
    Merge::Share share;
    TRY(merge->rest(share, [&](ByteView document) -> Status {
      result.documents.push_back(to_bytes(document));
      return {};
    }));
    result.digest += share.change;
    TRY_ASSIGN(again, merge->again());
  }
  return {};
}

}  // namespace

bson::Digest digest_of(const std::vector<Bytes>& documents) {
  bson::Digest digest;
  Bytes scratch;
  for (const auto& document : documents) digest.add(bson::as_stored(document, scratch));
  return digest;
}

Case load_case(const std::string& name) {
  constexpr size_t kLargest = 64u << 20;
  const Bytes packed_bytes = bson::testing::read_data("moment/" + name + ".zst");
  const auto bytes = codec::Decompressor().decompress_up_to(packed_bytes, kLargest);
  EXPECT_TRUE(bytes) << name;
  Case recorded;
  if (!bytes) return recorded;
  Packed packed(*bytes);
  const View header = packed.take();
  recorded.name = *header.string("name");
  recorded.server = *header.string("server");
  recorded.fuzzy = header.truthy("fuzzy");
  recorded.t0 = *header.timestamp("t0");
  recorded.t1 = *header.timestamp("t1");
  while (!packed.peek().find("oplog")) recorded.base.push_back(read_state(packed));
  recorded.entries = packed.take(*packed.take().int64("oplog"));
  while (packed.more()) recorded.final.push_back(read_state(packed));
  return recorded;
}

Base base_of_case(const Case& recorded) {
  Base base;
  for (const auto& state : recorded.base) base.collections.push_back(state.entry);
  base.exact = !recorded.fuzzy;
  base.time = recorded.fuzzy ? recorded.t1 : recorded.t0;
  base.from = recorded.t0;
  base.at_least_5_0 = base.logs_evictions = recorded.server >= "5";
  return base;
}

varve::Result<Results> run(const std::vector<State>& base, Base described, const std::vector<Bytes>& entries,
                           const Options& options, unsigned threads) {
  TRY_ASSIGN(auto moment, Moment::open(std::move(described), options));
  for (const auto& entry : entries) {
    TRY(moment->take(entry));
    if (moment->enough()) break;
  }
  TRY(moment->finish());
  Results results;
  for (size_t i = 0; i < moment->collections().size(); ++i) {
    const auto& given = moment->collections()[i];
    Result result;
    result.entry = given.entry;
    result.digest = given.entry.as_read;
    result.untouched = given.untouched;
    const std::vector<Bytes> none;
    const auto& documents = given.base ? base[*given.base].documents : none;
    if (given.untouched) {
      result.documents = documents;
    } else {
      TRY(merge_one(*moment, i, documents, threads, result));
    }
    results.collections[given.entry.ns.text()] = std::move(result);
  }
  results.account = moment->account();
  return results;
}

void expect_state(const Results& results, const std::vector<State>& state, bool any_field_order) {
  std::set<std::string> expected, given;
  for (const auto& one : state) expected.insert(one.entry.ns.text());
  for (const auto& [name, result] : results.collections) given.insert(name);
  EXPECT_EQ(given, expected);
  for (const auto& one : state) {
    SCOPED_TRACE(one.entry.ns.text());
    const auto found = results.collections.find(one.entry.ns.text());
    if (found == results.collections.end()) continue;
    const Result& result = found->second;
    EXPECT_EQ(result.entry.type, one.entry.type);
    EXPECT_EQ(result.entry.uuid, one.entry.uuid);
    EXPECT_EQ(sorted_fields(result.entry.options), sorted_fields(one.entry.options));
    EXPECT_EQ(index_set(result.entry.indexes), index_set(one.entry.indexes));
    const bool capped = one.entry.options.view().truthy("capped");
    expect_same(texts(result.documents, capped, any_field_order), texts(one.documents, capped, any_field_order));
    EXPECT_TRUE(any_field_order || result.digest == digest_of(one.documents)) << "the digest is another";
    EXPECT_TRUE(result.digest == digest_of(result.documents)) << "the digest is not of what came out";
  }
}

}  // namespace varve::moment::testing
