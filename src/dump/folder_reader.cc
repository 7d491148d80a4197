#include <filesystem>

#include <fmt/format.h>

#include "bson/from_json.h"
#include "dump/folder_catalog.h"
#include "dump/gunzip.h"
#include "dump/reader.h"

namespace varve::dump {

namespace {

namespace fs = std::filesystem;

class FolderReader final : public DumpReader {
 public:
  FolderReader(SourceFolder root, FolderCatalog catalog, Cancel cancel)
      : root_(std::move(root)), catalog_(std::move(catalog)), cancel_(std::move(cancel)) {}

  const Contents& contents() const override { return catalog_.contents; }
  uint64_t bytes_total() const override { return catalog_.bytes; }
  uint64_t bytes_read() const override { return bytes_read_; }
  std::vector<std::string> passed_over() const override { return catalog_.passed_over; }

  Status read(const std::function<bool(const bson::Namespace&)>& wanted, const Visitor& visitor) override {
    for (const auto& file : catalog_.files) {
      if (!wanted(file.ns)) continue;
      TRY(read_file(file, visitor));
      TRY(visitor.end(file.ns));
    }
    return {};
  }

  /// Whether any file is compressed: mongodump compresses all or none.
  Result<bool> is_compressed() {
    for (const auto& file : catalog_.files) {
      TRY_ASSIGN(const auto input, open(file));
      if (input.gzip) return true;
    }
    return false;
  }

 private:
  std::string shown(const DataFile& file) const {
    return root_.shown() + (file.folder.empty() ? "" : "/" + file.folder) + "/" + file.name;
  }

  Result<InputFile> open_file(const DataFile& file) const {
    if (file.folder.empty()) return root_.file(file.name);
    TRY_ASSIGN(const auto folder, root_.enter(file.folder));
    return folder.file(file.name);
  }

  Result<PlainInput> open(const DataFile& file) {
    TRY_ASSIGN(auto opened, open_file(file));
    const bool empty = opened.size() == 0;
    auto counted = [this, read = reading(std::make_shared<InputFile>(std::move(opened)), cancel_)](
                       std::span<uint8_t> into) -> Result<size_t> {
      TRY_ASSIGN(const auto got, read(into));
      bytes_read_ += got;
      return got;
    };
    auto input = plain(std::move(counted));
    if (!input) return fail(in_file(file, input.error()));
    if (file.name.ends_with(".gz") && !input->gzip) {
      return fail(ErrorKind::kCorrupt,
                  shown(file) + (empty ? " is empty" : " is not compressed, though its name says so"));
    }
    return input;
  }

  Status read_file(const DataFile& file, const Visitor& visitor) {
    TRY_ASSIGN(auto plain_input, open(file));
    LookAhead input(std::move(plain_input.read));
    while (true) {
      const auto documents = next_documents(input);
      if (!documents) return fail(in_file(file, documents.error()));
      if (documents->empty()) break;
      TRY(visitor.documents(file.ns, *documents));
      input.take(documents->size());
    }
    TRY_ASSIGN(const auto rest, input.peek(1));
    if (rest.empty()) return {};
    return fail(ErrorKind::kCorrupt, fmt::format("{}: at byte {}: a document cannot have {} bytes", shown(file),
                                                 input.offset(), load_le<uint32_t>(rest.data())));
  }

  Error in_file(const DataFile& file, Error error) const {
    return is_stop(error) ? std::move(error) : std::move(error).within(shown(file));
  }

  SourceFolder root_;
  FolderCatalog catalog_;
  const Cancel cancel_;
  uint64_t bytes_read_ = 0;
};

/// The last name of a folder's real path: "." is called something too.
Result<std::string> name_of_folder(const std::string& path) {
  std::error_code error;
  const auto real = fs::canonical(path, error);
  if (error) return fail(system_error("cannot find " + path, error.value()));
  return real.filename().string();
}

/// One database's folder may have been taken out of a whole dump, whose prelude.json tells the versions. What is there
/// is beside what the user named: it is a help, and no more.
void look_above(const std::string& folder, Contents& contents) {
  const auto above = SourceFolder::open(folder + "/..");
  for (const auto* name : {"prelude.json", "prelude.json.gz"}) {
    const auto text = above ? read_text(*above, name) : Result<std::string>(fail(above.error()));
    const auto prelude = text ? bson::from_json(*text) : Result<bson::Document>(fail(text.error()));
    if (!prelude) continue;
    contents.server_version = prelude->view().string("ServerVersion").value_or("");
    contents.tool_version = prelude->view().string("ToolVersion").value_or("");
    return;
  }
}

}  // namespace

Result<std::unique_ptr<DumpReader>> open_folder(const std::string& path, const ReadDumpOptions& options,
                                                const Cancel& cancel) {
  std::error_code error;
  const bool is_file = fs::is_regular_file(path, error);
  const auto parent = fs::path(path).parent_path();
  const auto folder = !is_file ? path : parent.empty() ? "." : parent.string();
  const auto only = is_file ? fs::path(path).filename().string() : "";
  if (is_file && !only.ends_with(".bson") && !only.ends_with(".bson.gz")) {
    return fail(Error(ErrorKind::kInvalidInput, path + " is a file, but none of a collection's documents (.bson)")
                    .hint("an archive is given as --archive=" + path));
  }
  TRY_ASSIGN(auto root, SourceFolder::open(folder));
  TRY_ASSIGN(const auto database, name_of_folder(folder));
  TRY_ASSIGN(auto catalog, list_dump(root, database, only));
  if (catalog.contents.server_version.empty()) look_above(folder, catalog.contents);
  auto reader = std::make_unique<FolderReader>(std::move(root), std::move(catalog), cancel);
  if (!options.expect_gzip) return reader;
  TRY_ASSIGN(const bool compressed, reader->is_compressed());
  if (!compressed) return fail(not_compressed(path));
  return reader;
}

}  // namespace varve::dump
