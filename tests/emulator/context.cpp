// The switch between fibers: a few instructions on x86-64, ucontext elsewhere.
#include <cstdlib>

#include "internal.hpp"
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace sinter::emulator {

#if defined(__x86_64__)

extern "C" void sinter_emulator_switch(void** save, void* to);
asm(R"(
.text
.globl sinter_emulator_switch
.type sinter_emulator_switch,@function
sinter_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmp *%rcx
.size sinter_emulator_switch,.-sinter_emulator_switch
)");

void prepare_context(context& c, char* stack, std::size_t bytes, void (*entry)()) {
    void** top = reinterpret_cast<void**>(stack + bytes - 64);
    *--top = nullptr;  // the return address of an entry that never returns
    *--top = reinterpret_cast<void*>(entry);
    for (int i = 0; i < 6; ++i) *--top = nullptr;
    c.stack_pointer = top;
}
void switch_context(context& from, context& to) {
    sinter_emulator_switch(&from.stack_pointer, to.stack_pointer);
}

#else

// The stack pointer of a context stands for the address of its ucontext_t.
static ucontext_t& machine(context& c) {
    if (c.stack_pointer == nullptr) c.stack_pointer = new ucontext_t;
    return *static_cast<ucontext_t*>(c.stack_pointer);
}
void prepare_context(context& c, char* stack, std::size_t bytes, void (*entry)()) {
    ucontext_t& u = machine(c);
    if (getcontext(&u) != 0) std::abort();
    u.uc_stack.ss_sp = stack;
    u.uc_stack.ss_size = bytes;
    u.uc_link = nullptr;
    makecontext(&u, entry, 0);
}
void switch_context(context& from, context& to) {
    if (swapcontext(&machine(from), &machine(to)) != 0) std::abort();
}

#endif

}  // namespace sinter::emulator
