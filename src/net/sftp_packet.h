#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace varve::net {

// Packets of the SSH File Transfer Protocol, version 3: draft-ietf-secsh-filexfer-02, and OpenSSH's PROTOCOL for what
// it adds. Numbers are big-endian, strings have their length before them.

enum class SftpType : uint8_t {
  kInit = 1,
  kVersion = 2,
  kOpen = 3,
  kClose = 4,
  kRead = 5,
  kWrite = 6,
  kFileStat = 8,
  kSetStat = 9,
  kFileSetStat = 10,
  kOpenFolder = 11,
  kReadFolder = 12,
  kRemove = 13,
  kMakeFolder = 14,
  kStat = 17,
  kRename = 18,
  kStatus = 101,
  kHandle = 102,
  kData = 103,
  kName = 104,
  kAttributes = 105,
  kExtended = 200,
  kExtendedReply = 201,
};

enum class SftpCode : uint32_t {
  kOk = 0,
  kEnd = 1,
  kNotFound = 2,
  kDenied = 3,
  kFailure = 4,  ///< which says nothing: a name that is taken, a full disk, a bad sector
  kBadMessage = 5,
  kNoConnection = 6,
  kConnectionLost = 7,
  kUnsupported = 8,
};

inline constexpr uint32_t kSftpRead = 1, kSftpWrite = 2, kSftpCreate = 8, kSftpTruncate = 16;  // how a file is opened

/// Builds what follows a request's id.
class SftpFields {
 public:
  SftpFields& u32(uint32_t number);
  SftpFields& u64(uint64_t number);
  SftpFields& string(std::string_view text);
  /// Attributes that say nothing, or only the mode.
  SftpFields& no_attributes() { return u32(0); }
  SftpFields& mode(uint32_t mode);

  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

struct SftpAttributes {
  std::optional<uint64_t> size;
  std::optional<uint32_t> mode;

  bool is_file() const;
  bool is_folder() const;
  bool is_link() const;
};

/// Takes a packet apart. What is not there reads as zero or nothing, and then `good` says so.
class SftpParser {
 public:
  explicit SftpParser(ByteView bytes) : rest_(bytes) {}

  uint8_t u8();
  uint32_t u32();
  uint64_t u64();
  /// Lies in what was given.
  ByteView string();
  std::string text();
  SftpAttributes attributes();
  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }

 private:
  ByteView take(size_t size);

  ByteView rest_;
  bool good_ = true;
};

}  // namespace varve::net
