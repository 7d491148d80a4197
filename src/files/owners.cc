#include "files/owners.h"

#include <cerrno>
#include <vector>

#include <grp.h>
#include <pwd.h>

namespace varve::files {

namespace {

/// `look_up(buffer)` is getpwuid_r or getgrgid_r; asks again with more room where a group has many members.
template <typename LookUp>
std::string name_by(LookUp look_up) {
  for (size_t size = 4096; size <= 16u << 20; size *= 4) {
    std::vector<char> buffer(size);
    std::string name;
    if (look_up(buffer, name) != ERANGE) return name;
  }
  return {};
}

}  // namespace

std::string Owners::user(uint32_t uid) {
  std::lock_guard lock(mutex_);
  if (const auto known = users_.find(uid); known != users_.end()) return known->second;
  return users_[uid] = name_by([&](std::vector<char>& buffer, std::string& name) {
           passwd entry{};
           passwd* found = nullptr;
           const int error = getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
           if (error == 0 && found != nullptr) name = found->pw_name;
           return error;
         });
}

std::string Owners::group(uint32_t gid) {
  std::lock_guard lock(mutex_);
  if (const auto known = groups_.find(gid); known != groups_.end()) return known->second;
  return groups_[gid] = name_by([&](std::vector<char>& buffer, std::string& name) {
           ::group entry{};
           ::group* found = nullptr;
           const int error = getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
           if (error == 0 && found != nullptr) name = found->gr_name;
           return error;
         });
}

}  // namespace varve::files
