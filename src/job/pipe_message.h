#pragma once

#include <chrono>
#include <optional>

#include "base/cancel.h"
#include "bson/document.h"

namespace varve::job {

/// Documents through a pipe, between two processes of this program.
Status send_message(int pipe, bson::View message);
/// The next one; nothing once the other side has ended. kUnavailable if none came in time, kCorrupt if it is none of
/// ours.
Result<std::optional<bson::Document>> receive_message(
    int pipe, const Cancel& cancel, std::chrono::milliseconds patience = std::chrono::milliseconds::max());

/// An error as a message, and back.
bson::Document error_message(const Error& error);
std::optional<Error> error_in(bson::View message);

}  // namespace varve::job
