#include "storage/cache_folder.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/sha256.h"
#include "storage/layout.h"
#include "storage/posix.h"

namespace varve::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTag =
    "Signature: 8a477f597d28d172789f06886806bc55\n";  // of the Cache Directory Tagging Specification
constexpr int kVersion = 1;
constexpr size_t kStep = 1u << 20;
constexpr std::string_view kTemporary = "tmp-";
constexpr auto kTemporaryAge = std::chrono::hours(24);  // longer than anything takes to be fetched

std::string temporary_in(const std::string& folder) {
  std::array<uint8_t, 8> random;
  random_bytes(random);
  return fmt::format("{}/{}{}", folder, kTemporary, to_hex(random));
}

/// Leaves what is there, unless it is empty; whether it is there afterwards is seen by whoever reads it.
void write_once(const std::string& folder, const std::string& name, std::string_view text) {
  struct stat info;
  const std::string path = folder + "/" + name, temporary = temporary_in(folder);
  if (::stat(path.c_str(), &info) == 0 && info.st_size > 0) return;
  const auto file = posix::open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!file) return;
  const ByteView pieces[] = {as_bytes(text)};
  const bool written = posix::write_all(*file, temporary, pieces, Cancel()).has_value();
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) ::unlink(temporary.c_str());
}

Result<std::string> read_small(const std::string& path) {
  TRY_ASSIGN(const auto file, posix::open_file(path, O_RDONLY));
  std::string text(16, '\0');
  const ssize_t got = ::read(file.get(), text.data(), text.size());
  text.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

Status check_version(const std::string& root) {
  TRY_ASSIGN(const auto text, read_small(root + "/version"));
  if (std::atoi(text.c_str()) <= kVersion) return {};
  return fail(Error(ErrorKind::kUnsupported, fmt::format("the cache in {} is of another version", root))
                  .hint("without it all works as well (--no-cache); what is in it can be removed"));
}

bool has_hash(const posix::Fd& file, const std::string& path, const Id& id) {
  const auto size = posix::file_size(file, path);
  if (!size) return false;
  codec::Sha256 hash;
  Bytes piece(std::min<uint64_t>(kStep, *size));
  for (uint64_t at = 0; at < *size; at += piece.size()) {
    piece.resize(std::min<uint64_t>(piece.size(), *size - at));
    if (!posix::read_at(file, path, at, piece)) return false;
    hash.update(piece);
  }
  return hash.finish() == id;
}

std::vector<std::string> names_or_none(const std::string& folder) {
  auto names = posix::names_in(folder);
  return names ? std::move(*names) : std::vector<std::string>();
}

std::chrono::system_clock::time_point time_of(const timespec& time) {
  return std::chrono::system_clock::time_point(std::chrono::seconds(time.tv_sec));
}

}  // namespace

Result<std::shared_ptr<CacheFolder>> CacheFolder::open(const std::string& base, const Id& repository) {
  const std::string root = base + "/" + repository.hex();
  TRY(posix::make_folders(base));
  write_once(base, "CACHEDIR.TAG", kTag);
  TRY(posix::make_folder(root));
  write_once(root, "version", std::to_string(kVersion));
  TRY(check_version(root));
  for (const auto type : {FileType::kIndex, FileType::kSnapshot, FileType::kPack}) {
    TRY(posix::make_folder(fmt::format("{}/{}", root, storage::folder_of(type))));
  }
  (void)::utimensat(AT_FDCWD, root.c_str(), nullptr, 0);  // when it was last used
  return std::shared_ptr<CacheFolder>(new CacheFolder(root));
}

bool CacheFolder::keeps(FileType type) {
  return type == FileType::kIndex || type == FileType::kSnapshot || type == FileType::kPack;
}

std::string CacheFolder::folder_of(const Handle& handle) const {
  return fmt::format("{}/{}/{}", root_, storage::folder_of(handle.type), handle.id.hex().substr(0, 2));
}

std::string CacheFolder::path_of(const Handle& handle) const {
  return fmt::format("{}/{}", folder_of(handle), handle.id.hex());
}

/// Once a process: a file under its name never changes, and whoever reads of a pack looks at each blob besides.
bool CacheFolder::is_good(const Handle& handle, const std::string& path) {
  {
    std::lock_guard lock(mutex_);
    if (verified_.contains(handle)) return true;
  }
  const auto file = posix::open_file(path, O_RDONLY);
  if (!file) return false;
  if (!has_hash(*file, path, handle.id)) {
    ::unlink(path.c_str());
    return false;
  }
  (void)::futimens(file->get(), nullptr);  // for drop_unused
  std::lock_guard lock(mutex_);
  verified_.insert(handle);
  return true;
}

std::optional<Bytes> CacheFolder::get(const Handle& handle, uint64_t offset, uint64_t length) {
  const std::string path = path_of(handle);
  if (!is_good(handle, path)) return std::nullopt;
  const auto file = posix::open_file(path, O_RDONLY);
  const auto size = file ? posix::file_size(*file, path) : Result<uint64_t>(0);
  if (!file || !size || offset > *size || length > *size - offset) return std::nullopt;
  Bytes out(length == 0 ? *size - offset : length);
  if (!posix::read_at(*file, path, offset, out)) return std::nullopt;
  return out;
}

void CacheFolder::put(const Handle& handle, Payload payload) {
  auto filling = fill(handle);
  for (const ByteView piece : payload) {
    if (!filling.write(piece)) return;
  }
  (void)filling.keep();
}

void CacheFolder::remove(const Handle& handle) {
  ::unlink(path_of(handle).c_str());
  std::lock_guard lock(mutex_);
  verified_.erase(handle);
}

std::vector<Id> CacheFolder::list(FileType type) const {
  std::vector<Id> ids;
  const std::string folder = fmt::format("{}/{}", root_, storage::folder_of(type));
  for (const auto& part : names_or_none(folder)) {
    for (const auto& name : names_or_none(folder + "/" + part)) {
      if (const auto id = id_of_name(name)) ids.push_back(*id);
    }
  }
  return ids;
}

void CacheFolder::drop_unused(std::chrono::seconds age) {
  drop_temporary();
  const auto before = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) - age;
  for (const auto& id : list(FileType::kPack)) {
    const std::string path = path_of({FileType::kPack, id});
    struct stat info;
    if (::stat(path.c_str(), &info) == 0 && time_of(info.st_mtim) < before) ::unlink(path.c_str());
  }
}

/// Those of programs that died.
void CacheFolder::drop_temporary() {
  const auto before = std::chrono::system_clock::now() - kTemporaryAge;
  for (const auto type : {FileType::kIndex, FileType::kSnapshot, FileType::kPack}) {
    const std::string folder = fmt::format("{}/{}", root_, storage::folder_of(type));
    for (const auto& part : names_or_none(folder)) {
      for (const auto& name : names_or_none(folder + "/" + part)) {
        const std::string path = fmt::format("{}/{}/{}", folder, part, name);
        struct stat info;
        const bool old = ::stat(path.c_str(), &info) == 0 && time_of(info.st_mtim) < before;
        if (name.starts_with(kTemporary) && old) ::unlink(path.c_str());
      }
    }
  }
}

// --- Filling

struct CacheFolder::Filling::State {
  CacheFolder& folder;
  Handle handle;
  std::string temporary;
  posix::Fd file;
  codec::Sha256 hash;
};

CacheFolder::Filling::Filling(std::unique_ptr<State> state) : state_(std::move(state)) {}
CacheFolder::Filling::Filling(Filling&& other) noexcept = default;
CacheFolder::Filling::~Filling() {
  if (state_) ::unlink(state_->temporary.c_str());
}

CacheFolder::Filling CacheFolder::fill(const Handle& handle) {
  const std::string folder = folder_of(handle);
  std::string temporary = temporary_in(folder);
  if (!posix::make_folder(folder)) return Filling(nullptr);
  auto file = posix::open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!file) return Filling(nullptr);
  return Filling(std::make_unique<Filling::State>(*this, handle, std::move(temporary), std::move(*file)));
}

bool CacheFolder::Filling::is_open() const {
  return state_ != nullptr;
}

bool CacheFolder::Filling::write(ByteView piece) {
  if (!state_) return false;
  state_->hash.update(piece);
  const ByteView pieces[] = {piece};
  if (posix::write_all(state_->file, state_->temporary, pieces, Cancel())) return true;
  ::unlink(state_->temporary.c_str());
  state_.reset();
  return false;
}

bool CacheFolder::Filling::keep() {
  if (!state_ || state_->hash.finish() != state_->handle.id) return false;
  auto& folder = state_->folder;
  if (::rename(state_->temporary.c_str(), folder.path_of(state_->handle).c_str()) != 0) return false;
  std::lock_guard lock(folder.mutex_);
  folder.verified_.insert(state_->handle);
  state_.reset();
  return true;
}

// --- for people

Result<std::vector<CachedRepository>> cached_repositories(const std::string& base) {
  std::vector<CachedRepository> found;
  auto names = posix::names_in(base);
  if (!names && names.error().kind() == ErrorKind::kNotFound) return found;
  if (!names) return fail(names.error());
  for (const auto& name : *names) {
    struct stat info;
    const std::string root = base + "/" + name;
    if (!id_of_name(name) || ::access((root + "/version").c_str(), F_OK) != 0) continue;
    if (::stat(root.c_str(), &info) != 0) continue;
    CachedRepository one{.name = name, .used = time_of(info.st_mtim)};
    std::error_code error;  // files that go meanwhile have no size
    for (fs::recursive_directory_iterator at(root, error), end; !error && at != end; at.increment(error)) {
      std::error_code gone;
      const auto size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
      if (!gone) one.bytes += size;
    }
    found.push_back(std::move(one));
  }
  return found;
}

Status remove_cached(const std::string& base, const std::string& name) {
  std::error_code error;
  fs::remove_all(base + "/" + name, error);
  if (error) return fail(system_error("cannot remove " + base + "/" + name, error.value()));
  return {};
}

}  // namespace varve::storage
