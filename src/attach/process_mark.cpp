#include "attach/process_mark.hpp"

#include <sstream>
#include <string>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"

namespace thinsnap::attach {

ProcessMark mark_of(pid_t pid) {
    std::string text;
    try {
        text = read_text_file(fmt::format("/proc/{}/stat", pid));
    } catch (const Error&) {
        return {};
    }
    // Behind the name, which may hold anything: state is field 3, the start field 22.
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    std::string state;
    fields >> state;
    std::string skipped;
    for (int field = 4; field < 22; ++field)
        fields >> skipped;
    ProcessMark mark{.pid = pid};
    if (!(fields >> mark.start) || state == "Z") // ended, and nobody has asked how
        return {};
    return mark;
}

bool is_alive(const ProcessMark& mark) {
    return mark.pid > 0 && mark_of(mark.pid) == mark;
}

} // namespace thinsnap::attach
