#include "repo/index.h"
#include "repo/json_object.h"
#include "repo/json_reader.h"

namespace varve::repo {

namespace {

void encode_blob(const Index::PackedBlob& blob, std::string& out) {
  JsonObject object(out);
  object.id("id", blob.id);
  object.raw("type", blob.type == BlobType::kTree ? "\"tree\"" : "\"data\"");
  object.number("offset", blob.location.offset);
  object.number("length", blob.location.length);
  object.number_if("uncompressed_length", blob.location.plain_length);
  object.close();
}

Status decode_type(JsonReader& in, std::optional<BlobType>& type) {
  std::string name;
  TRY(in.string(name));
  if (name == "data") {
    type = BlobType::kData;
  } else if (name == "tree") {
    type = BlobType::kTree;
  } else {
    return in.error("a blob that is neither data nor tree");
  }
  return {};
}

Status decode_blob(JsonReader& in, std::vector<Index::PackedBlob>& blobs) {
  Index::PackedBlob blob{};
  std::optional<BlobType> type;
  auto& at = blob.location;
  TRY(in.object([&](std::string_view key) -> Status {
    if (key == "id") return in.id(blob.id);
    if (key == "type") return decode_type(in, type);
    if (key == "offset") return in.number(at.offset);
    if (key == "length") return in.number(at.length);
    if (key == "uncompressed_length") return in.number(at.plain_length);
    return in.skip();
  }));
  if (!type || blob.id.is_null()) return in.error("a blob without type or id");
  if (at.length < codec::kSealOverhead) return in.error("a blob that is too short to be sealed");
  if (uint64_t{at.offset} + at.length > UINT32_MAX) return in.error("a blob beyond 4 GiB");
  blob.type = *type;
  blobs.push_back(blob);
  return {};
}

Status decode_pack(JsonReader& in, const std::function<void(IndexedPack)>& visit) {
  IndexedPack pack;
  TRY(in.object([&](std::string_view key) -> Status {
    if (key == "id") return in.id(pack.pack);
    if (key != "blobs") return in.skip();
    pack.blobs.clear();
    return in.array([&] { return decode_blob(in, pack.blobs); });
  }));
  if (pack.pack.is_null()) return in.error("a pack without an id");
  for (auto& blob : pack.blobs) blob.location.pack = pack.pack;
  visit(std::move(pack));
  return {};
}

}  // namespace

std::string encode_index(const std::vector<IndexedPack>& packs) {
  std::string out;
  JsonObject object(out);
  object.array("packs", packs, [&](const IndexedPack& pack) {
    JsonObject inner(out);
    inner.id("id", pack.pack);
    inner.array("blobs", pack.blobs, [&](const Index::PackedBlob& blob) { encode_blob(blob, out); });
    inner.close();
  });
  object.close();
  out += '\n';
  return out;
}

Status decode_index(std::string_view json, const std::function<void(IndexedPack)>& visit) {
  JsonReader in(json);
  TRY(in.object([&](std::string_view key) -> Status {
    if (key != "packs") return in.skip();
    return in.array([&] { return decode_pack(in, visit); });
  }));
  return in.end();
}

}  // namespace varve::repo
