#include <algorithm>

#include "cli/command.h"
#include "cli/context.h"
#include "codec/sha256.h"
#include "repo/config.h"
#include "repo/index.h"
#include "repo/keys.h"
#include "repo/unpacked.h"

namespace varve::cli {

namespace {

using repo::BlobType;
using storage::FileType;

/// A compact JSON text with line breaks, as Go's encoder indents by two.
std::string indented(std::string_view json) {
  std::string out;
  size_t depth = 0;
  bool in_string = false;
  const auto new_line = [&] { out += '\n' + std::string(2 * depth, ' '); };
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    const bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < json.size()) out += json[++i];
      if (c == '"') in_string = false;
    } else if (closes && out.ends_with(c == '}' ? '{' : '[')) {
      out += c;
      --depth;
    } else {
      if (closes) {
        --depth;
        new_line();
      } else if (out.ends_with('{') || out.ends_with('[')) {
        new_line();
      }
      out += c;
      if (opens) ++depth;
      if (c == ',') new_line();
      if (c == ':') out += ' ';
      in_string = c == '"';
    }
  }
  return out;
}

constexpr uint64_t kPiece = 4u << 20;  // of a pack

void write_line(Output& output, std::string_view text) {
  output.raw(text);
  if (!text.ends_with('\n')) output.raw("\n");
}

Result<Id> file_of(const OpenRepository& repository, FileType type, const std::string& name) {
  return repo::find_file(repository->storage(), type, name, repository.cancel);
}

Status cat_file(Output& output, const OpenRepository& repository, FileType type, const std::string& name) {
  TRY_ASSIGN(const Id id, file_of(repository, type, name));
  TRY_ASSIGN(const auto json, repository->load_file(type, id, repository.cancel));
  write_line(output, type == FileType::kIndex ? json : indented(json));
  return {};
}

Status cat_snapshot(Output& output, const OpenRepository& repository, const std::string& name) {
  TRY_ASSIGN(const auto snapshot, repository->find_snapshot(name, {}, repository.cancel));
  write_line(output, indented(repo::encode_snapshot(snapshot)));
  return {};
}

/// Key files are not sealed as others are.
Status cat_key(Output& output, const OpenRepository& repository, const std::string& name) {
  TRY_ASSIGN(const Id id, file_of(repository, FileType::kKey, name));
  auto& storage = repository->storage();
  TRY_ASSIGN(const uint64_t size, storage.stat({FileType::kKey, id}, repository.cancel));
  TRY(repo::load_key(storage, id, size, repository.cancel));
  TRY_ASSIGN(const auto json, storage.get({FileType::kKey, id}, 0, size, repository.cancel));
  write_line(output, indented(as_text(json)));
  return {};
}

/// A damaged pack is given as it is, and said to be damaged. It may be of any size, so it comes piece by piece.
Status cat_pack(Output& output, const OpenRepository& repository, const std::string& name) {
  TRY_ASSIGN(const Id id, file_of(repository, FileType::kPack, name));
  auto& storage = repository->storage();
  TRY_ASSIGN(const uint64_t size, storage.stat({FileType::kPack, id}, repository.cancel));
  codec::Sha256 hash;
  for (uint64_t at = 0; at < size; at += kPiece) {
    TRY_ASSIGN(const auto piece,
               storage.get({FileType::kPack, id}, at, std::min(kPiece, size - at), repository.cancel));
    hash.update(piece);
    TRY(output.write(as_text(piece)));
  }
  if (hash.finish() == id) return {};
  return fail(Error(ErrorKind::kCorrupt, "pack " + id.short_hex() + " is damaged: its content does not match its name")
                  .hint("its bytes were written out as they are"));
}

Status cat_blob(Output& output, const OpenRepository& repository, const std::string& name) {
  const auto id = Id::parse(name);
  if (!id) return fail(ErrorKind::kInvalidInput, "\"" + name + "\" is no id of a blob; 64 hex digits are");
  TRY(repository->load_index(repository.cancel));
  const bool is_data = repository->index().has(BlobType::kData, *id);
  TRY_ASSIGN(const auto plain,
             repository->load_blob(is_data ? BlobType::kData : BlobType::kTree, *id, repository.cancel));
  output.raw(as_text(plain));
  return {};
}

Status cat_tree(Output& output, const OpenRepository& repository, const std::string& name) {
  const auto colon = name.find(':');
  const std::string path = colon == std::string::npos ? "" : name.substr(colon + 1);
  TRY_ASSIGN(const auto snapshot, repository->find_snapshot(name.substr(0, colon), {}, repository.cancel));
  TRY(repository->load_index(repository.cancel));
  TRY_ASSIGN(const auto node, repo::find_node(*repository, snapshot.tree, path, repository.cancel));
  if (!node.subtree) return fail(ErrorKind::kInvalidInput, "\"" + path + "\" is no folder of the snapshot");
  TRY_ASSIGN(const auto json, repository->load_blob(BlobType::kTree, *node.subtree, repository.cancel));
  output.raw(as_text(json));
  return {};
}

Status cat(Output& output, const OpenRepository& repository, const std::string& type, const std::string& name) {
  if (type == "index") return cat_file(output, repository, FileType::kIndex, name);
  if (type == "lock") return cat_file(output, repository, FileType::kLock, name);
  if (type == "snapshot") return cat_snapshot(output, repository, name);
  if (type == "key") return cat_key(output, repository, name);
  if (type == "pack") return cat_pack(output, repository, name);
  if (type == "blob") return cat_blob(output, repository, name);
  if (type == "tree") return cat_tree(output, repository, name);
  write_line(output, indented(type == "config" ? repo::encode_config(repository->config())
                                               : repo::encode_master_key(repository->key())));
  return {};
}

Status check_words(const std::string& type, const std::string& name) {
  constexpr std::string_view kTypes[] = {"config", "masterkey", "index", "snapshot", "key",
                                         "lock",   "pack",      "blob",  "tree"};
  if (std::ranges::find(kTypes, type) == std::end(kTypes)) {
    return fail(Error(ErrorKind::kInvalidInput, "there is nothing of the type '" + type + "' in a repository")
                    .hint("config, masterkey, index, snapshot, key, lock, pack, blob and tree are known"));
  }
  const bool is_one = type == "config" || type == "masterkey";
  if (name.empty() != is_one) {
    return fail(ErrorKind::kInvalidInput,
                is_one ? "there is one " + type + " only; it takes no id" : "the id of the " + type + " is missing");
  }
  return {};
}

Result<int> run_cat(Context& context, const std::string& type, const std::string& name) {
  TRY(check_words(type, name));
  TRY_ASSIGN(const auto repository, context.open(Access::kRead));
  auto& output = context.output();
  const auto done = cat(output, repository, type, name);
  if (output.lost()) return kFailed;  // said in the end
  TRY(done);
  return kOk;
}

}  // namespace

void add_cat(Command& app, Context& context) {
  auto* command = app.add_subcommand("cat", "print what the repository holds as it is: JSON, or a blob's bytes");
  command->footer(
      "Examples:\n"
      "  varve cat snapshot latest\n"
      "  varve cat tree latest:/mongodb/shop");
  auto words = std::make_shared<std::pair<std::string, std::string>>();
  command
      ->add_option("type", words->first,
                   "config, masterkey, index, snapshot, key, lock, pack, blob or tree (SNAPSHOT[:FOLDER])")
      ->required()
      ->type_name("TYPE");
  command->add_option("id", words->second, "which; the beginning of an id suffices, but for a blob")->type_name("ID");
  command->callback(
      [&context, words] { context.run = [&context, words] { return run_cat(context, words->first, words->second); }; });
}

}  // namespace varve::cli
