#include "moment/record_log.h"

namespace varve::moment {

namespace {

// A record: sizes of its content and of the room for it, the key's hash, its order; then the content.
constexpr size_t kHeader = 32;
constexpr unsigned kOffsetBits = 16;
// Below this compacting the file isn't worth it.
constexpr uint64_t kFewRecords = 64;

uint64_t block_of(uint64_t place) {
  return place >> kOffsetBits;
}

size_t offset_of(uint64_t place) {
  return place & ((1u << kOffsetBits) - 1);
}

struct Header {
  uint32_t size, room;
  RecordLog::Record record;
};

Header parse(ByteView block, size_t offset) {
  const uint8_t* p = block.data() + offset;
  Header header;
  header.size = load_le<uint32_t>(p);
  header.room = load_le<uint32_t>(p + 4);
  header.record.hash = {.low = load_le<uint64_t>(p + 8), .high = load_le<uint64_t>(p + 16)};
  header.record.order = load_le<uint64_t>(p + 24);
  header.record.content = block.subspan(offset + kHeader, header.size);
  return header;
}

}  // namespace

RecordLog::~RecordLog() {
  for (const auto& block : blocks_) {
    if (block.extent) pool_->spill->release(*block.extent);
  }
}

uint64_t RecordLog::append(const Record& record, size_t spare) {
  const uint64_t id = tail_block();
  Block& block = blocks_[id];
  const size_t offset = block.bytes.size();
  const size_t capacity = block.bytes.capacity();
  append_le(block.bytes, static_cast<uint32_t>(record.content.size()));
  append_le(block.bytes, static_cast<uint32_t>(record.content.size() + spare));
  append_le(block.bytes, record.hash.low);
  append_le(block.bytes, record.hash.high);
  append_le(block.bytes, record.order);
  varve::append(block.bytes, record.content);
  block.bytes.resize(block.bytes.size() + spare);
  ++block.records;
  ++block.live;
  resident_.add(block.bytes.capacity() - capacity);
  return id << kOffsetBits | offset;
}

/// The block to append to: a new one once the last is full.
uint64_t RecordLog::tail_block() {
  if (tail_ && blocks_[*tail_].bytes.size() < pool_->block) return *tail_;
  if (unused_.empty()) {
    unused_.push_back(blocks_.size());
    blocks_.emplace_back();
    index_.set(blocks_.capacity() * sizeof(Block));
  }
  tail_ = unused_.back();
  unused_.pop_back();
  order_.push_back({*tail_, ++blocks_[*tail_].generation});
  return *tail_;
}

uint8_t* RecordLog::resize(uint64_t place, size_t size, std::optional<uint64_t> order) {
  Block& block = blocks_[block_of(place)];
  if (block.extent) return nullptr;
  uint8_t* const p = block.bytes.data() + offset_of(place);
  if (size > load_le<uint32_t>(p + 4)) return nullptr;
  const auto written = static_cast<uint32_t>(size);
  std::memcpy(p, &written, sizeof written);
  if (order) std::memcpy(p + 24, &*order, sizeof *order);
  return p + kHeader;
}

Result<RecordLog::Found> RecordLog::read(uint64_t place) const {
  const Block& block = blocks_[block_of(place)];
  Found found;
  if (block.extent) {
    TRY_ASSIGN(found.block, pool_->spill->read(*block.extent));
  }
  found.record = parse(block.extent ? found.block : block.bytes, offset_of(place)).record;
  return found;
}

Result<RecordLog::Record> RecordLog::Reader::read(uint64_t place) {
  const uint64_t id = block_of(place);
  const Block& block = log_.blocks_[id];
  if (!block.extent) return parse(block.bytes, offset_of(place)).record;
  if (block_ != id) {
    TRY_ASSIGN(bytes_, log_.pool_->spill->read(*block.extent));
    block_ = id;
  }
  return parse(bytes_, offset_of(place)).record;
}

void RecordLog::drop(uint64_t place) {
  const uint64_t id = block_of(place);
  Block& block = blocks_[id];
  if (block.extent) --spilled_live_;
  if (--block.live == 0) free_block(id);
}

void RecordLog::free_block(uint64_t id) {
  Block& block = blocks_[id];
  if (block.extent) {
    pool_->spill->release(*block.extent);
    spilled_records_ -= block.records;
    spilled_live_ -= block.live;
  }
  resident_.subtract(block.bytes.capacity());
  const uint32_t generation = block.generation + 1;
  block = {};
  block.generation = generation;
  unused_.push_back(id);
  if (tail_ == id) tail_.reset();
}

Status RecordLog::write_block(uint64_t id) {
  Block& block = blocks_[id];
  TRY_ASSIGN(block.extent, pool_->spill->write(block.bytes));
  resident_.subtract(block.bytes.capacity());
  block.bytes = Bytes();
  spilled_records_ += block.records;
  spilled_live_ += block.live;
  return {};
}

Status RecordLog::spill(uint64_t most, Owner& owner) {
  while (resident_.bytes() > most && !order_.empty()) {
    const auto [id, generation] = order_.front();
    order_.pop_front();
    const Block& block = blocks_[id];
    if (block.generation != generation || block.extent) continue;
    if (tail_ == id) tail_.reset();
    const bool mostly_garbage = uint64_t{block.live} * 2 < block.records;
    TRY(mostly_garbage ? rewrite(id, owner) : write_block(id));
  }
  return {};
}

Status RecordLog::compact(Owner& owner) {
  if (spilled_records_ < 2 * spilled_live_ + kFewRecords) return {};
  for (uint64_t id = 0; id < blocks_.size(); ++id) {
    const Block& block = blocks_[id];
    if (block.extent && uint64_t{block.live} * 2 < block.records) TRY(rewrite(id, owner));
  }
  return {};
}

/// The block's bytes; it is free afterwards.
Result<Bytes> RecordLog::take_block(uint64_t id) {
  Bytes bytes;
  if (blocks_[id].extent) {
    TRY_ASSIGN(bytes, pool_->spill->read(*blocks_[id].extent));
  } else {
    resident_.subtract(blocks_[id].bytes.capacity());
    bytes = std::move(blocks_[id].bytes);
    blocks_[id].bytes = Bytes();
  }
  free_block(id);
  return bytes;
}

Status RecordLog::rewrite(uint64_t id, Owner& owner) {
  TRY_ASSIGN(const Bytes bytes, take_block(id));
  // The id may be given again to what is appended here, so first see what is in use.
  std::vector<size_t> in_use;
  for (size_t offset = 0; offset < bytes.size();) {
    const Header header = parse(bytes, offset);
    if (owner.owns(header.record.hash, id << kOffsetBits | offset)) in_use.push_back(offset);
    offset += kHeader + header.room;
  }
  for (const size_t offset : in_use) {
    const Header header = parse(bytes, offset);
    owner.moved(header.record.hash, append(header.record, header.room - header.size));
  }
  return {};
}

Status RecordLog::consume(Owner& owner, const std::function<Status(const Record&)>& take) {
  tail_.reset();
  for (uint64_t id = 0; id < blocks_.size(); ++id) {
    if (blocks_[id].records == 0) continue;
    TRY_ASSIGN(const Bytes bytes, take_block(id));
    for (size_t offset = 0; offset < bytes.size();) {
      const Header header = parse(bytes, offset);
      if (owner.owns(header.record.hash, id << kOffsetBits | offset)) TRY(take(header.record));
      offset += kHeader + header.room;
    }
  }
  return {};
}

}  // namespace varve::moment
