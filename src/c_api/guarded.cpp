#include "c_api/guarded.h"

#include <new>
#include <string>

#include "base/error.h"
#include "tessera/engine.h"
#include "tessera/tessera.h"

namespace tessera {
namespace {

thread_local std::string message_of_last_error;

int failed(int status, const char* message) noexcept {
  try {
    message_of_last_error = message;
  } catch (const std::bad_alloc&) {
    message_of_last_error.clear();
  }
  return status;
}

}  // namespace

int guarded(const std::function<void()>& act) noexcept {
  try {
    act();
    return TESSERA_OK;
  } catch (const Error& error) {
    return failed(TESSERA_BAD_INPUT, error.what());
  } catch (const Cancelled& error) {
    return failed(TESSERA_CANCELLED, error.what());
  } catch (const std::bad_alloc&) {
    return failed(TESSERA_FAULT, "out of memory");
  } catch (const std::exception& error) {
    return failed(TESSERA_FAULT, error.what());
  } catch (...) {
    return failed(TESSERA_FAULT, "an exception of an unknown kind");
  }
}

const char* last_error() noexcept { return message_of_last_error.c_str(); }

}  // namespace tessera
