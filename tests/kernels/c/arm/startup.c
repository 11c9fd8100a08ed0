/* What comes before main on a Cortex-M: the stack, the initial data, the floating-point unit. */
#include <stdint.h>
#include <string.h>

extern uint32_t data_start, data_end, data_load, __bss_start__, __bss_end__, __stack;
extern void initialise_monitor_handles(void);
extern void exit(int);
extern int main(void);

void reset(void)
{
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: full access to the FPU */
    memcpy(&data_start, &data_load, (size_t)((char *)&data_end - (char *)&data_start));
    memset(&__bss_start__, 0, (size_t)((char *)&__bss_end__ - (char *)&__bss_start__));
    initialise_monitor_handles();
    exit(main());
}

void _init(void) {} /* newlib calls them; there is nothing to construct */
void _fini(void) {}

static void fault(void)
{
    exit(99);
}

__attribute__((section(".vectors"), used)) static const void *vectors[] = {
    &__stack, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
};
