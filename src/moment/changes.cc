#include "moment/changes.h"

#include <algorithm>
#include <atomic>

#include "bson/compose.h"
#include "bson/id_key.h"
#include "bson/update.h"

namespace varve::moment {

namespace {

// Beyond this the hash has no bits left that are worth splitting by.
constexpr unsigned kDeepest = 12;

// Updates that wait for their document: the offset of the last of them, then each `o`. A document that they create if
// there is none stands before the first.
constexpr size_t kUpdatesHeader = sizeof(uint32_t);
constexpr size_t kMostUpdates = 1u << 30;
// Joining two updates costs their size each time.
constexpr size_t kJoined = 1024;

ByteView first_document(ByteView bytes) {
  return bytes.first(bson::check_framing(bytes, bytes.size()).value_or(bytes.size()));
}

void set_last(uint8_t* updates, size_t offset) {
  const auto last = static_cast<uint32_t>(offset);
  std::memcpy(updates, &last, sizeof last);
}

Status apply_all(ByteView updates, bool skip_first, ByteView document, Bytes& out) {
  bson::Document current(document);
  updates = updates.subspan(kUpdatesHeader);
  if (skip_first) updates = updates.subspan(first_document(updates).size());
  while (!updates.empty()) {
    const ByteView o = first_document(updates);
    TRY_ASSIGN(current, bson::apply_update(current, bson::View(o)));
    updates = updates.subspan(o.size());
  }
  out.assign(current.bytes().begin(), current.bytes().end());
  return {};
}

unsigned digit(const codec::UInt128& hash, unsigned level) {
  return hash.high >> (60 - 4 * level) & 15;
}

}  // namespace

KeyHash::KeyHash() {
  random_bytes(secret_);
}

codec::UInt128 KeyHash::operator()(const bson::Element& id, Bytes& scratch) const {
  return codec::xxh3_128(bson::id_key(id, scratch), secret_);
}

Changes::Changes(Pool& pool, bool base, Range range)
    : pool_(&pool),
      base_(base),
      range_(range),
      level_(range.level),
      table_(std::make_unique<KeyTable>(pool, range.level * kBits)),
      log_(std::make_unique<RecordLog>(pool)) {}

Changes::~Changes() = default;

bool Changes::owns(const codec::UInt128& hash, uint64_t place) {
  const Slot* const slot = table_->find(hash);
  return slot != nullptr && slot->kind() != Slot::kGone && slot->place() == place;
}

void Changes::moved(const codec::UInt128& hash, uint64_t place) {
  if (Slot* const slot = table_->find(hash)) slot->move_to(place);
}

// --- which part of the key space

/// Of what is in the range: the number of the part that the key belongs to; nothing if it is here. Only keys whose
/// digits are zero stay.
std::optional<size_t> Changes::part_number(const codec::UInt128& hash) const {
  for (unsigned level = range_.level; level < level_; ++level) {
    const unsigned way = digit(hash, level);
    if (way != 0) return (level - range_.level) * (kWays - 1) + way - 1;
  }
  return std::nullopt;
}

/// Where operations on the key are put by; nullptr if it is here.
Queue* Changes::part_of(const codec::UInt128& hash) const {
  const auto part = part_number(hash);
  return part ? parts_[*part].operations.get() : nullptr;
}

Status Changes::put_by(Queue& part, Put kind, const codec::UInt128& hash, uint64_t word, ByteView content,
                       ByteView more) {
  std::array<uint8_t, 25> head;
  head[0] = static_cast<uint8_t>(kind);
  std::memcpy(head.data() + 1, &hash.low, 8);
  std::memcpy(head.data() + 9, &hash.high, 8);
  std::memcpy(head.data() + 17, &word, 8);
  return part.push({head, content, more});
}

uint64_t Changes::held_by_parts() const {
  uint64_t held = 0;
  for (const auto& part : parts_) held += part.operations->held();
  return held;
}

// --- operations

namespace {

// An origin and an order in one word.
uint64_t pack(Origin origin, uint64_t order) {
  return order << 8 | (origin.upsert ? 4 : 0) | (origin.inserted ? 2 : 0) | (origin.not_in_base ? 1 : 0);
}

Origin origin_in(uint64_t word) {
  return {.not_in_base = (word & 1) != 0, .inserted = (word & 2) != 0, .upsert = (word & 4) != 0};
}

}  // namespace

Status Changes::put(const codec::UInt128& hash, ByteView document, Origin origin) {
  const uint64_t order = next_order_++;
  if (Queue* const part = part_of(hash)) return put_by(*part, Put::kDocument, hash, pack(origin, order), document);
  put_here(hash, document, origin, order);
  return {};
}

Status Changes::erase(const codec::UInt128& hash) {
  if (Queue* const part = part_of(hash)) return put_by(*part, Put::kErase, hash, 0, {});
  erase_here(hash);
  return {};
}

Status Changes::update(const codec::UInt128& hash, bson::View o, Origin origin, const bson::Element& id) {
  bson::Document only_id;
  if (origin.upsert || (bson::is_replacement(o) && bson::id_element(o.bytes()).empty())) {
    only_id = bson::Builder().add(id).finish();
  }
  if (Queue* const part = part_of(hash)) {
    return put_by(*part, Put::kUpdate, hash, pack(origin, next_order_++), o.bytes(), only_id.bytes());
  }
  return update_here(hash, o, origin, only_id);
}

void Changes::put_here(const codec::UInt128& hash, ByteView document, Origin origin, uint64_t order) {
  Slot* const slot = table_->insert(hash);
  uint64_t flags = origin.inserted ? Slot::kInserted : 0;
  if (slot->kind() == Slot::kEmpty) {
    if (origin.not_in_base || !base_) flags |= Slot::kNotInBase;
  } else {
    flags |= slot->state & Slot::kNotInBase;
  }
  if (slot->kind() == Slot::kDocument) {
    if (uint8_t* const content = log_->resize(slot->place(), document.size(), order)) {
      std::memcpy(content, document.data(), document.size());
      slot->set(Slot::kDocument, flags, slot->place());
      return;
    }
  }
  if (slot->has_record()) log_->drop(slot->place());
  slot->set(Slot::kDocument, flags, log_->append({hash, order, document}));
}

void Changes::erase_here(const codec::UInt128& hash) {
  Slot* const slot = table_->find(hash);
  if (slot == nullptr) {
    if (base_) table_->insert(hash)->set(Slot::kGone, 0, 0);
    return;
  }
  if (slot->has_record()) log_->drop(slot->place());
  if (slot->has(Slot::kNotInBase)) {
    table_->erase(slot);
  } else {
    slot->set(Slot::kGone, 0, 0);
  }
}

Status Changes::update_here(const codec::UInt128& hash, bson::View o, Origin origin, bson::View id) {
  if (bson::is_replacement(o)) return replace(hash, o, origin, id);
  Slot* const slot = table_->find(hash);
  if (slot != nullptr && slot->kind() == Slot::kDocument) return update_document(*slot, o);
  if (slot != nullptr && slot->kind() == Slot::kUpdates) return add_update(*slot, o);
  const bool missing = slot != nullptr || !base_;
  if (!missing) {
    begin_updates(hash, o, origin, id);
  } else if (origin.upsert) {
    TRY_ASSIGN(const auto document, bson::apply_update(id, o));
    put_here(hash, document.bytes(), {.inserted = true}, next_order_++);
  }
  return {};
}

/// A whole document, which only an upsert gives to a key that has none.
Status Changes::replace(const codec::UInt128& hash, bson::View o, Origin origin, bson::View id) {
  Slot* const slot = table_->find(hash);
  const bool missing = slot != nullptr ? slot->kind() == Slot::kGone : !base_;
  if (missing && !origin.upsert) return {};
  TRY_ASSIGN(const auto document, bson::apply_update(id, o));
  if (slot != nullptr && slot->kind() == Slot::kDocument) return rewrite(*slot, document.bytes());
  put_here(hash, document.bytes(), {.inserted = missing}, next_order_++);
  return {};
}

/// Other content for a document, which keeps its place in the order.
Status Changes::rewrite(Slot& slot, ByteView document) {
  if (uint8_t* const content = log_->resize(slot.place(), document.size())) {
    std::memcpy(content, document.data(), document.size());
    return {};
  }
  TRY_ASSIGN(const auto old, log_->read(slot.place()));
  log_->drop(slot.place());
  // What grew once will grow again.
  slot.move_to(log_->append({old.record.hash, old.record.order, document}, document.size() / 8));
  return {};
}

Status Changes::update_document(Slot& slot, bson::View o) {
  TRY_ASSIGN(const auto old, log_->read(slot.place()));
  TRY_ASSIGN(const auto document, bson::apply_update(bson::View(old.record.content), o));
  return rewrite(slot, document.bytes());
}

void Changes::begin_updates(const codec::UInt128& hash, bson::View o, Origin origin, bson::View id) {
  Bytes updates(kUpdatesHeader);
  if (origin.upsert) append(updates, id.bytes());
  set_last(updates.data(), updates.size());
  append(updates, o.bytes());
  const uint64_t place = log_->append({hash, 0, updates});
  table_->insert(hash)->set(Slot::kUpdates, origin.upsert ? Slot::kUpsert : 0, place);
}

/// One more update for a document that only the base knows: joined with the last one if that does not grow much, so
/// that the updates of a few fields stay one and those of many things, pushes to a list, are few.
Status Changes::add_update(Slot& slot, bson::View o) {
  TRY_ASSIGN(const auto old, log_->read(slot.place()));
  const ByteView content = old.record.content;
  const size_t last = load_le<uint32_t>(content.data());
  const auto both = bson::compose(bson::View(content.subspan(last)), o);
  const bool joins = both && both->bytes().size() <= std::max(kJoined, content.size() - last);
  const ByteView added = joins ? both->bytes() : o.bytes();
  const size_t at = joins ? last : content.size();
  const size_t size = at + added.size();
  if (size > kMostUpdates) return pool_->spill->too_little("the updates of one document");
  uint8_t* to = log_->resize(slot.place(), size);
  if (to == nullptr) {
    Bytes longer = to_bytes(content.first(at));
    longer.resize(size);
    log_->drop(slot.place());
    // Doubled, so that a document with many updates costs each of them once.
    slot.move_to(log_->append({slot.hash(), 0, longer}, size));
    to = log_->resize(slot.place(), size);
  }
  std::memcpy(to + at, added.data(), added.size());
  set_last(to, at);
  return {};
}

// --- memory

Status Changes::spill(uint64_t most) {
  TRY(log_->spill(most, *this));
  return log_->compact(*this);
}

Result<bool> Changes::split() {
  if (level_ == kDeepest || table_->bytes() < 2 * kWays * pool_->queue_block) return false;
  const uint64_t prefix = range_.prefix << kBits * (++level_ - range_.level);
  for (unsigned way = 1; way < kWays; ++way) {
    parts_.push_back({{level_, prefix | way}, std::make_unique<Queue>(pool_->spill, pool_->index, pool_->queue_block)});
  }
  auto table = std::make_unique<KeyTable>(*pool_, level_ * kBits);
  auto log = std::make_unique<RecordLog>(*pool_);
  TRY(log_->consume(*this, [&](const RecordLog::Record& record) -> Status {
    Slot* const slot = table_->find(record.hash);
    const uint64_t state = slot->state;
    table_->erase(slot);
    return move_out(record.hash, state, record, *table, *log);
  }));
  Status status;
  table_->each([&](const Slot& slot) {
    if (status && slot.kind() == Slot::kGone) status = move_out(slot.hash(), slot.state, {}, *table, *log);
  });
  TRY(status);
  table_ = std::move(table);
  log_ = std::move(log);
  return true;
}

/// From the old table and log to the new ones, or to the part that it belongs to.
Status Changes::move_out(const codec::UInt128& hash, uint64_t state, const RecordLog::Record& record, KeyTable& table,
                         RecordLog& log) {
  const uint64_t word = record.order << 16 | (state & 0xffff);
  if (Queue* const part = part_of(hash)) return put_by(*part, Put::kState, hash, word, record.content);
  Slot slot;
  slot.state = state;
  const uint64_t place = slot.has_record() ? log.append(record) : 0;
  table.insert(hash)->state = slot.state;
  table.find(hash)->move_to(place);
  return {};
}

Result<bool> Changes::load_next(Queue& operations) {
  TRY_ASSIGN(const auto piece, operations.pop());
  if (!piece) return false;
  const auto kind = static_cast<Put>((*piece)[0]);
  const codec::UInt128 hash{.low = load_le<uint64_t>(piece->data() + 1), .high = load_le<uint64_t>(piece->data() + 9)};
  if (Queue* const part = part_of(hash)) {
    TRY(part->push({*piece}));
  } else {
    TRY(load_here(kind, hash, load_le<uint64_t>(piece->data() + 17), piece->subspan(25)));
  }
  return true;
}

Status Changes::load_here(Put kind, const codec::UInt128& hash, uint64_t word, ByteView content) {
  switch (kind) {
    case Put::kDocument:
      put_here(hash, content, origin_in(word), word >> 8);
      return {};
    case Put::kErase:
      erase_here(hash);
      return {};
    case Put::kUpdate: {
      const ByteView o = first_document(content);
      next_order_ = word >> 8;
      return update_here(hash, bson::View(o), origin_in(word), bson::View(content.subspan(o.size())));
    }
    case Put::kState: {
      Slot* const slot = table_->insert(hash);
      slot->state = word & 0xffff;
      if (slot->has_record()) slot->move_to(log_->append({hash, word >> 16, content}));
      return {};
    }
  }
  return {};
}

// --- merging

Result<Changes::Fate> Changes::meet(const codec::UInt128& hash, ByteView document, bool ordered, Bytes& out) {
  if (!range_.holds(hash) || part_number(hash)) return Fate::kElsewhere;
  Slot* const slot = table_->find(hash);
  if (slot == nullptr) return Fate::kSame;
  Slot now;
  now.state = std::atomic_ref(slot->state).load(std::memory_order_relaxed);
  if (now.kind() == Slot::kDocument && ordered && now.has(Slot::kInserted)) return Fate::kNothing;
  const uint64_t before = std::atomic_ref(slot->state).fetch_or(Slot::kMet, std::memory_order_relaxed);
  if ((before & Slot::kMet) != 0 || now.kind() == Slot::kGone) return Fate::kNothing;
  TRY_ASSIGN(const auto found, log_->read(now.place()));
  if (now.kind() == Slot::kDocument) {
    out.assign(found.record.content.begin(), found.record.content.end());
  } else {
    TRY(apply_all(found.record.content, now.has(Slot::kUpsert), document, out));
  }
  return Fate::kOther;
}

Status Changes::rest(bool ordered, const std::function<Status(uint64_t order, ByteView document)>& emit) {
  const auto left = table_->pick([](const Slot& slot) {
    return !slot.has(Slot::kMet) &&
           (slot.kind() == Slot::kDocument || (slot.kind() == Slot::kUpdates && slot.has(Slot::kUpsert)));
  });
  RecordLog::Reader reader(*log_);
  // The hashes are not needed any more: where order counts, its number takes their place.
  std::ranges::sort(left, {}, &Slot::place);
  if (ordered) {
    for (auto& slot : left) {
      TRY_ASSIGN(const auto record, reader.read(slot.place()));
      slot.high = record.order;
    }
    std::ranges::sort(left, {}, &Slot::high);
  }
  Bytes scratch;
  for (const auto& slot : left) {
    TRY_ASSIGN(const auto record, reader.read(slot.place()));
    ByteView document = record.content;
    if (slot.kind() == Slot::kUpdates) {
      TRY(apply_all(record.content, true, first_document(record.content.subspan(kUpdatesHeader)), scratch));
      document = scratch;
    }
    TRY(emit(record.order, document));
  }
  return {};
}

}  // namespace varve::moment
