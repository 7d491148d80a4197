#include "dump/names.h"

#include "base/bytes.h"
#include "codec/base64.h"
#include "codec/sha1.h"

namespace varve::dump {

namespace {

constexpr size_t kLongest = 238;  // with ".metadata.json.gz" this fills the 255 bytes of a file name
constexpr size_t kKept = 208;

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

std::string percent_encode(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (is_unreserved(c)) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace

std::string escape_collection(std::string_view collection) {
  const std::string escaped = percent_encode(collection);
  if (escaped.size() <= kLongest) return escaped;
  // The cut may fall inside a %XX: that is how mongodump does it, and readers take the name from the metadata.
  return escaped.substr(0, kKept) + "%24" + codec::base64_url(codec::sha1(as_bytes(collection)));
}

std::optional<std::string> unescape_collection(std::string_view file_name) {
  std::string name;
  for (size_t i = 0; i < file_name.size(); ++i) {
    if (file_name[i] != '%') {
      name += file_name[i] == '+' ? ' ' : file_name[i];
      continue;
    }
    const auto byte = from_hex(file_name.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    name += static_cast<char>((*byte)[0]);
    i += 2;
  }
  if (escape_collection(name) != file_name) return std::nullopt;
  return name;
}

std::string unescape_loosely(std::string_view file_name) {
  std::string name;
  for (size_t i = 0; i < file_name.size(); ++i) {
    const auto byte = file_name[i] == '%' ? from_hex(file_name.substr(i + 1, 2)) : std::nullopt;
    if (byte && byte->size() == 1) {
      name += static_cast<char>((*byte)[0]);
      i += 2;
    } else {
      name += file_name[i] == '+' ? ' ' : file_name[i];
    }
  }
  return name;
}

bool is_shortened(std::string_view file_name) {
  return file_name.size() == kLongest && file_name.find("%24") != std::string_view::npos;
}

bool is_misread(std::string_view collection, bool time_series) {
  if (time_series) return is_shortened(escape_collection("system.buckets." + std::string(collection)));
  return is_shortened(escape_collection(collection)) && collection.find_first_of("+%") != std::string_view::npos;
}

Status check_database(std::string_view db) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorKind::kInvalidInput, "the database name \"" + std::string(db) + "\" " + std::string(why));
  };
  constexpr size_t kLongestDatabase = 63;
  if (db.empty()) return fail(ErrorKind::kInvalidInput, "a database name is empty");
  if (db.size() > kLongestDatabase) return refuse("is longer than 63 bytes");
  if (db == "." || db == "..") return refuse("is not a folder's name");
  if (db.find_first_of(std::string_view("/\\\0", 3)) != std::string_view::npos)
    return refuse("holds a slash, a backslash or a zero byte");
  return {};
}

}  // namespace varve::dump
