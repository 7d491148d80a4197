#include <algorithm>
#include <cerrno>
#include <cstdio>

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

/// Bytes as they are, whether text or JSON is wanted.
Status write_out(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size() || std::fflush(stdout) != 0) {
    return fail(system_error("cannot write to standard output", errno));
  }
  return {};
}

Status write_line(std::string_view text) {
  TRY(write_out(text));
  return text.ends_with('\n') ? Status() : write_out("\n");
}

Result<Id> file_of(const OpenRepository& repository, FileType type, const std::string& name) {
  return repo::find_file(repository->storage(), type, name, repository.cancel);
}

Status cat_file(const OpenRepository& repository, FileType type, const std::string& name) {
  TRY_ASSIGN(const Id id, file_of(repository, type, name));
  TRY_ASSIGN(const auto json, repository->load_file(type, id, repository.cancel));
  return write_line(type == FileType::kIndex ? json : indented(json));
}

Status cat_snapshot(const OpenRepository& repository, const std::string& name) {
  TRY_ASSIGN(const auto snapshot, repository->find_snapshot(name, {}, repository.cancel));
  return write_line(indented(repo::encode_snapshot(snapshot)));
}

/// Key files are not sealed as others are.
Status cat_key(const OpenRepository& repository, const std::string& name) {
  TRY_ASSIGN(const Id id, file_of(repository, FileType::kKey, name));
  auto& storage = repository->storage();
  TRY_ASSIGN(const uint64_t size, storage.stat({FileType::kKey, id}, repository.cancel));
  TRY(repo::load_key(storage, id, size, repository.cancel));
  TRY_ASSIGN(const auto json, storage.get({FileType::kKey, id}, 0, size, repository.cancel));
  return write_line(indented(as_text(json)));
}

/// A damaged pack is given as it is, and said to be damaged.
Status cat_pack(const OpenRepository& repository, const std::string& name) {
  TRY_ASSIGN(const Id id, file_of(repository, FileType::kPack, name));
  TRY_ASSIGN(const auto bytes, repository->storage().get({FileType::kPack, id}, 0, 0, repository.cancel));
  TRY(write_out(as_text(bytes)));
  if (codec::sha256(bytes) == id) return {};
  return fail(Error(ErrorKind::kCorrupt, "pack " + id.short_hex() + " is damaged: its content does not match its name")
                  .hint("its bytes were written out as they are"));
}

Status cat_blob(const OpenRepository& repository, const std::string& name) {
  const auto id = Id::parse(name);
  if (!id) return fail(ErrorKind::kInvalidInput, "\"" + name + "\" is no id of a blob; 64 hex digits are");
  TRY(repository->load_index(repository.cancel));
  const bool is_data = repository->index().has(BlobType::kData, *id);
  TRY_ASSIGN(const auto plain,
             repository->load_blob(is_data ? BlobType::kData : BlobType::kTree, *id, repository.cancel));
  return write_out(as_text(plain));
}

Status cat_tree(const OpenRepository& repository, const std::string& name) {
  const auto colon = name.find(':');
  const std::string path = colon == std::string::npos ? "" : name.substr(colon + 1);
  TRY_ASSIGN(const auto snapshot, repository->find_snapshot(name.substr(0, colon), {}, repository.cancel));
  TRY(repository->load_index(repository.cancel));
  TRY_ASSIGN(const auto node, repo::find_node(*repository, snapshot.tree, path, repository.cancel));
  if (!node.subtree) return fail(ErrorKind::kInvalidInput, "\"" + path + "\" is no folder of the snapshot");
  TRY_ASSIGN(const auto json, repository->load_blob(BlobType::kTree, *node.subtree, repository.cancel));
  return write_out(as_text(json));
}

Status cat(const OpenRepository& repository, const std::string& type, const std::string& name) {
  if (type == "config") return write_line(indented(repo::encode_config(repository->config())));
  if (type == "masterkey") return write_line(indented(repo::encode_master_key(repository->key())));
  if (type == "index") return cat_file(repository, FileType::kIndex, name);
  if (type == "lock") return cat_file(repository, FileType::kLock, name);
  if (type == "snapshot") return cat_snapshot(repository, name);
  if (type == "key") return cat_key(repository, name);
  if (type == "pack") return cat_pack(repository, name);
  if (type == "blob") return cat_blob(repository, name);
  return cat_tree(repository, name);
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
  TRY(cat(repository, type, name));
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
