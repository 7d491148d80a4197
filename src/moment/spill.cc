#include "moment/spill.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace varve::moment {

namespace {

// Pieces begin at pages, so that what is released can be given back whole.
constexpr uint64_t kPage = 4096;
constexpr const char* kElsewhere = "--spill-dir names another folder, --memory gives more memory instead";

uint64_t pages(uint64_t size) {
  return (size + kPage - 1) / kPage * kPage;
}

/// A file in `folder` that nothing else can open.
int open_unnamed(const std::string& folder) {
#ifdef O_TMPFILE
  const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
#endif
  std::string name = folder + "/varve-spill-XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

}  // namespace

Result<std::unique_ptr<Spill>> Spill::open(const std::string& folder, uint64_t memory) {
  int file = -1;
  if (!folder.empty()) {
    file = open_unnamed(folder);
    if (file < 0) return fail(system_error("cannot make a spill file in " + folder, errno).hint(kElsewhere));
  }
  return std::unique_ptr<Spill>(new Spill(folder, memory, file));
}

Spill::Spill(std::string folder, uint64_t memory, int file) : folder_(std::move(folder)), memory_(memory), file_(file) {
  random_bytes(key_.encrypt);
  random_bytes(key_.mac_k);
  random_bytes(key_.mac_r);
}

Spill::~Spill() {
  if (file_ >= 0) ::close(file_);
}

Result<Extent> Spill::write(ByteView plain) {
  if (file_ < 0) return too_little("the changes since the base");
  Bytes sealed;
  sealed.reserve(plain.size() + codec::kSealOverhead);
  codec::seal(key_, codec::random_iv(), plain, sealed);
  const Extent extent{end_.fetch_add(pages(sealed.size())), static_cast<uint32_t>(plain.size())};
  ByteView rest(sealed);
  for (uint64_t at = extent.offset; !rest.empty();) {
    const ssize_t written = ::pwrite(file_, rest.data(), rest.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0)
      return fail(
          system_error("cannot write to the spill folder " + folder_, written < 0 ? errno : EIO).hint(kElsewhere));
    at += static_cast<uint64_t>(written);
    rest = rest.subspan(static_cast<size_t>(written));
  }
  written_ += sealed.size();
  return extent;
}

Result<Bytes> Spill::read(Extent extent) const {
  Bytes sealed(extent.size + codec::kSealOverhead);
  for (size_t got = 0; got < sealed.size();) {
    const ssize_t n = ::pread(file_, sealed.data() + got, sealed.size() - got, static_cast<off_t>(extent.offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(system_error("cannot read from the spill folder " + folder_, n < 0 ? errno : EIO));
    got += static_cast<size_t>(n);
  }
  auto plain = codec::unseal(key_, sealed);
  if (!plain) return fail(std::move(plain).error().within("the spill folder " + folder_));
  return plain;
}

void Spill::release(Extent extent) {
#ifdef FALLOC_FL_PUNCH_HOLE
  const auto size = static_cast<off_t>(pages(extent.size + codec::kSealOverhead));
  // Where that is not possible the space comes back at the end.
  (void)::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(extent.offset), size);
#else
  (void)extent;
#endif
}

tl::unexpected<Error> Spill::too_little(std::string_view for_what) const {
  return fail(Error(ErrorKind::kInvalidInput,
                    std::string(for_what) + " do not fit into " + std::to_string(memory_ >> 10) + " KiB of memory")
                  .hint("give more with --memory, or with --spill-dir a folder for what does not fit"));
}

}  // namespace varve::moment
