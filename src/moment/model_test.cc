#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "bson/json.h"
#include "bson/update.h"
#include "moment/testing/entries.h"

namespace varve::moment {
namespace {

using bson::Builder;
using bson::Document;
using bson::Timestamp;
using testing::Entries;

/// A server in a few lines: collections by UUID, documents by record id, and the oplog that it writes. Everything
/// random, over few names and keys so that things meet.
class Server {
 public:
  struct Collection {
    std::string ns;
    std::map<uint64_t, Document> records;  // by record id
    std::map<int32_t, uint64_t> ids;
  };
  using Collections = std::map<uint8_t, Collection>;

  Server(uint64_t seed, int32_t width) : random_(seed), width_(width), old_style_(is_old_style(seed)) {
    for (const char* name : {"a", "b", "c"}) create(name);
    for (int i = 0; i < width; ++i) {
      auto& [uuid, collection] = *std::next(collections.begin(), i % 3);
      put(collection, document(i));
    }
    entries = Entries();
  }

  /// Whether updates are {$v: 1}.
  static bool is_old_style(uint64_t seed) { return seed % 2 == 0; }

  void step() {
    const uint64_t what = collections.empty() ? 4 : draw(100);
    if (what < 2) {
      rename();
    } else if (what < 3) {
      drop();
    } else if (what < 5) {
      create(std::string(1, static_cast<char>('a' + draw(6))));
    } else if (what < 15) {
      transaction();
    } else {
      crud();
    }
    if (draw(8) == 0) end_one();
  }
  void end_all() {
    while (!open_.empty()) end_one();
  }
  uint64_t draw(uint64_t below) { return random_() % below; }

  Collections collections;
  Entries entries;

 private:
  struct Change {
    uint8_t uuid;
    std::string ns;
    char op;
    int32_t id;
    Document o;
    Document as_operation() const {
      if (op == 'i') return testing::insert_op(uuid, ns, o);
      return op == 'u' ? testing::update_op(uuid, ns, id, o) : testing::remove_op(uuid, ns, id);
    }
  };
  struct Open {
    std::vector<Change> changes;
    bool prepared = false;
    Timestamp last;
    int64_t number;
  };

  Document document(int32_t id) {
    Builder b;
    b.add("_id", id).add("n", value()).open("d").add("x", value()).end();
    b.open_array("l").add("0", value()).add("1", value()).end();
    if (draw(3) == 0) b.add("pad", std::string(draw(200), 'p'));
    return b.finish();
  }
  int32_t value() { return static_cast<int32_t>(draw(1000)); }

  /// An update as the server would log it: fields that are not there yet are inserted, diffs go only into what is of
  /// their kind. Only such updates come to the same end from any state between.
  Document update(const Document& old, int32_t id) {
    if (draw(8) == 0) return document(id);
    return old_style_ ? modifiers() : diff(old);
  }
  Document modifiers() {
    Builder b;
    const std::string field(1, "nmo"[draw(3)]);
    b.add("$v", int32_t{1});
    switch (draw(5)) {
      case 0:
        return b.open("$set").add(field, value()).add("d.y", value()).finish();
      case 1:
        return b.open("$unset").add("d.x", true).add(field, true).end().finish();
      case 2:
        return b.open("$set").add("l." + std::to_string(draw(5)), value()).add("d.x", value()).finish();
      default:
        return b.open("$set").add(field, value()).finish();
    }
  }
  Document diff(const Document& old) {
    Builder b;
    const std::string field(1, "nmo"[draw(3)]);
    const bool there = old.view().find(field).has_value();
    const bool nested = old.view().document("d") && old.view().array("l");
    b.add("$v", int32_t{2}).open("diff");
    switch (draw(7)) {
      case 0:
        if (nested) {
          b.open("sd").open(old.view().find("d.z") ? "u" : "i").add("z", value()).end().end();
          return b.open("sl").add("a", true).add("l", int32_t{3}).add("u1", value()).finish();
        }
        [[fallthrough]];
      case 1:
        return b.open("d").add("pad", false).end().open("i").add("n", value()).finish();
      case 2:
        return b.open("u").add("d", value()).finish();
      case 3:
        return b.open("u").open("d").add("x", value()).finish();
      default:
        return b.open(there ? "u" : "i").add(field, value()).finish();
    }
  }

  void put(Collection& collection, const Document& made) {
    const auto id = static_cast<int32_t>(*made.view().int64("_id"));
    collection.ids[id] = ++record_;
    collection.records[record_] = made;
  }

  /// A change that the server would take now; nothing if a transaction has its document.
  std::optional<Change> change() {
    auto& [uuid, collection] = *std::next(collections.begin(), static_cast<long>(draw(collections.size())));
    const auto id = static_cast<int32_t>(draw(static_cast<uint64_t>(width_)));
    if (locked_.contains({uuid, id})) return std::nullopt;
    if (!collection.ids.contains(id)) return Change{uuid, collection.ns, 'i', id, document(id)};
    if (draw(4) == 0) return Change{uuid, collection.ns, 'd', id, {}};
    return Change{uuid, collection.ns, 'u', id, update(collection.records.at(collection.ids.at(id)), id)};
  }
  void apply(const Change& change) {
    Collection& collection = collections.at(change.uuid);
    if (change.op == 'i') return put(collection, change.o);
    const uint64_t record = collection.ids.at(change.id);
    if (change.op == 'd') {
      collection.ids.erase(change.id);
      collection.records.erase(record);
    } else {
      Document& old = collection.records.at(record);
      old = *bson::apply_update(old, change.o);
    }
  }

  void crud() {
    const auto made = change();
    if (!made) return;
    if (made->op == 'i') entries.insert(made->uuid, made->ns, made->o);
    if (made->op == 'u') entries.update(made->uuid, made->ns, made->id, made->o);
    if (made->op == 'd') entries.remove(made->uuid, made->ns, made->id);
    apply(*made);
  }

  /// Begins one or adds to one. Its documents are locked until it ends.
  void transaction() {
    const int session = static_cast<int>(draw(4));
    auto open = open_.find(session);
    if (open != open_.end() && open->second.prepared) return;
    std::vector<Document> operations;
    Open& own = open == open_.end() ? open_[session] : open->second;
    if (own.last == Timestamp{}) own.number = ++number_;
    for (uint64_t i = 0; i < 1 + draw(3); ++i) {
      const auto made = change();
      if (!made) continue;
      locked_.insert({made->uuid, made->id});
      operations.push_back(made->as_operation());
      own.changes.push_back(*made);
    }
    own.prepared = draw(3) == 0;
    entries.apply_ops(operations, {.session = session,
                                   .number = own.number,
                                   .partial = !own.prepared,
                                   .prepare = own.prepared,
                                   .previous = own.last});
    own.last = entries.last();
  }

  void end_one() {
    if (open_.empty()) return;
    const auto ended = std::next(open_.begin(), static_cast<long>(draw(open_.size())));
    auto& [session, own] = *ended;
    const bool commits = draw(3) > 0;
    if (own.prepared && commits) {
      entries.noop();  // it takes effect at a time of its own, before the entry that says so
      entries.commit(session, own.number, entries.last());
    } else if (commits) {
      entries.apply_ops({}, {.session = session, .number = own.number, .previous = own.last});
    } else if (own.prepared) {
      entries.abort(session, own.number);
    }
    for (const auto& made : own.changes) {
      locked_.erase({made.uuid, made.id});
      if (commits) apply(made);
    }
    open_.erase(ended);
  }

  bool is_locked(uint8_t uuid) const {
    return std::ranges::any_of(locked_, [&](const auto& lock) { return lock.first == uuid; });
  }
  void create(const std::string& name) {
    const std::string ns = "db." + name;
    if (std::ranges::any_of(collections, [&](const auto& c) { return c.second.ns == ns; }) || next_uuid_ == 255) return;
    entries.create(next_uuid_, ns);
    collections[next_uuid_++].ns = ns;
  }
  void drop() {
    const auto gone = std::next(collections.begin(), static_cast<long>(draw(collections.size())));
    if (is_locked(gone->first)) return;
    entries.drop(gone->first, gone->second.ns);
    collections.erase(gone);
  }
  void rename() {
    auto& [uuid, collection] = *std::next(collections.begin(), static_cast<long>(draw(collections.size())));
    const std::string to = std::string("db.") + static_cast<char>('a' + draw(6));
    if (to == collection.ns || is_locked(uuid)) return;
    const auto target = std::ranges::find_if(collections, [&](const auto& c) { return c.second.ns == to; });
    Builder o;
    o.add("renameCollection", collection.ns).add("to", to).add("stayTemp", false);
    if (target != collections.end()) {
      if (is_locked(target->first)) return;
      o.add_uuid("dropTarget", testing::uuid_of(target->first));
    }
    entries.command(uuid, "db", o.finish());
    collection.ns = to;
    if (target != collections.end()) collections.erase(target);
  }

  std::mt19937_64 random_;
  const int32_t width_;
  const bool old_style_;  // $v: 1
  uint64_t record_ = 0;
  int64_t number_ = 0;
  uint8_t next_uuid_ = 1;
  std::map<int, Open> open_;
  std::set<std::pair<uint8_t, int32_t>> locked_;
};

/// A backup that reads over a window: lists, then goes through every collection in natural order, bit by bit.
class Reader {
 public:
  void list(const Server& server) {
    for (const auto& [uuid, collection] : server.collections) {
      states_.push_back(testing::state(uuid, collection.ns));
      cursors_.push_back({uuid, 0, false});
    }
  }
  void read_some(Server& server) {
    for (size_t i = 0; i < cursors_.size(); ++i) {
      auto& cursor = cursors_[i];
      const auto found = server.collections.find(cursor.uuid);
      if (found == server.collections.end()) cursor.done = true;
      for (uint64_t n = server.draw(20); n > 0 && !cursor.done; --n) {
        const auto next = found->second.records.upper_bound(cursor.at);
        cursor.done = next == found->second.records.end();
        if (cursor.done) break;
        cursor.at = next->first;
        states_[i].documents.push_back(to_bytes(next->second.bytes()));
      }
    }
  }
  bool done() const {
    return std::ranges::all_of(cursors_, [](const auto& cursor) { return cursor.done; });
  }
  std::vector<testing::State> take() {
    for (auto& state : states_) state.entry.as_read = testing::digest_of(state.documents);
    return std::move(states_);
  }

 private:
  struct Cursor {
    uint8_t uuid;
    uint64_t at;
    bool done;
  };
  std::vector<testing::State> states_;
  std::vector<Cursor> cursors_;
};

std::vector<testing::State> states_of(const Server::Collections& collections) {
  std::vector<testing::State> states;
  for (const auto& [uuid, collection] : collections) {
    std::vector<Document> documents;
    for (const auto& [record, document] : collection.records) documents.push_back(document);
    states.push_back(testing::state(uuid, collection.ns, documents));
  }
  return states;
}

struct Setting {
  uint64_t seed;
  int steps;
  int32_t width;
  uint64_t memory;
};

class Model : public ::testing::TestWithParam<Setting> {
 protected:
  static Options options() {
    Options made;
    made.memory = GetParam().memory;
    made.spill_folder = ::testing::TempDir();
    return made;
  }
};

// RULES 3, 9, 10: a base read over a window and the oplog of that window give the state at its end, exactly. With
// updates of the old style but for the order of fields, as on a member that was synced while they were written:
// {$unset: x},
// {$set: x}, {$set: y} over a document that has both already leaves x behind y.
TEST_P(Model, AWindowAndItsOplogAreTheState) {
  Server server(GetParam().seed, GetParam().width);
  Reader reader;
  const int listed = static_cast<int>(server.draw(static_cast<uint64_t>(GetParam().steps / 2)));
  for (int step = 0; step < GetParam().steps || !reader.done(); ++step) {
    server.step();
    if (step == listed) reader.list(server);
    if (step > listed) reader.read_some(server);
  }
  server.end_all();
  const auto states = reader.take();
  Base base = testing::base_of_states(states, false);
  base.time = server.entries.last();
  const auto results = testing::run(states, base, server.entries.all, options(), 3);
  ASSERT_TRUE(results) << results.error().message();
  expect_state(*results, states_of(server.collections), Server::is_old_style(GetParam().seed));
  EXPECT_EQ(results->account.missing, std::vector<std::string>());
}

// RULES 9: an exact base and the oplog from some time before it, up to any later time.
TEST_P(Model, AnExactBaseServesEveryMomentAfterIt) {
  Server server(GetParam().seed + 1000, GetParam().width);
  const auto steps = static_cast<uint64_t>(GetParam().steps);
  const uint64_t taken = server.draw(steps / 2), wanted = taken + server.draw(steps / 2);
  Server::Collections base_state, wanted_state;
  Timestamp base_time, wanted_time;
  for (uint64_t step = 0; step < steps; ++step) {
    server.step();
    if (step == taken) base_state = server.collections, base_time = server.entries.last();
    if (step == wanted) wanted_state = server.collections, wanted_time = server.entries.last();
  }
  server.end_all();
  const auto states = states_of(base_state);
  Base base = testing::base_of_states(states);
  base.time = base.from = base_time;
  Options to_there = options();
  to_there.until = wanted_time;
  const auto results = testing::run(states, base, server.entries.all, to_there, 3);
  ASSERT_TRUE(results) << results.error().message();
  expect_state(*results, states_of(wanted_state));
}

std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (uint64_t seed = 1; seed <= 30; ++seed) all.push_back({seed, 300, 60, 64u << 20});
  for (uint64_t seed = 1; seed <= 3; ++seed) all.push_back({seed, 6000, 1500, 96u << 10});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Random, Model, ::testing::ValuesIn(settings()), [](const auto& info) {
  return "seed" + std::to_string(info.param.seed) + "_" + std::to_string(info.param.memory >> 10) + "KiB";
});

}  // namespace
}  // namespace varve::moment
