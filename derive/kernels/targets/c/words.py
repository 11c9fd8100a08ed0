"""What identifiers of C code may not be called, though the cell language allows it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from derive.language.words import KEYWORDS_OF

# The C99 library, the X/Open and GNU parts of <math.h>, and functions that compilers know by name:
# a local name like one of these shadows it, or is a macro.
_REAL = (
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh drem erf erfc exp exp10 exp2 expm1 fabs fdim "
    "floor fma fmax fmin fmod frexp gamma hypot ilogb j0 j1 jn ldexp lgamma llrint llround log log10 log1p log2 logb "
    "lrint lround modf nan nearbyint nextafter nexttoward pow pow10 remainder remquo rint round roundeven scalb "
    "scalbln scalbn significand sin sincos sinh sqrt tan tanh tgamma trunc y0 y1 yn"
).split()
_COMPLEX = "abs acos acosh arg asin asinh atan atanh cos cosh exp imag log pow proj real sin sinh sqrt tan tanh".split()
_OTHER = (
    "abort abs aligned_alloc alloca atof atoi atol atoll bcmp bcopy bsearch btowc bzero calloc cexpi cimag clock conj "
    "conjf conjl creal dcgettext dgettext div exit ffs ffsl ffsll finite finitef finitel fprintf fputc fputs free "
    "fscanf fwrite gamma_r getenv gettext imaxabs imaxdiv index isalnum isalpha isascii isblank iscntrl isdigit "
    "isgraph isinf isinff isinfl islower isnan isnanf isnanl isnormal isprint ispunct isspace issignaling isupper "
    "isxdigit labs ldiv lgamma_r llabs lldiv longjmp main malloc memccpy memchr memcmp memcpy memmove mempcpy memset "
    "posix_memalign printf putc putchar puts qsort raise rand random realloc rindex scanf setjmp signal signbit "
    "signgam snprintf sprintf srand sscanf stpcpy stpncpy strcasecmp strcat strchr strcmp strcpy strcspn strdup "
    "strfmon strftime strlen strncasecmp strncat strncmp strncpy strndup strnlen strpbrk strrchr strspn strstr strtod "
    "strtof strtol strtoll strtoul system time toascii tolower toupper vfprintf vfscanf vprintf vscanf vsnprintf "
    "vsprintf vsscanf wait write read open close link pause sleep stat "
    "size_t ptrdiff_t wchar_t max_align_t float_t double_t intptr_t uintptr_t intmax_t uintmax_t bool true false "
    "uint ulong ushort u_char u_short u_int u_long quad_t u_quad_t div_t ldiv_t lldiv_t imaxdiv_t time_t clock_t "
    "clockid_t timer_t timespec timeval ssize_t off_t loff_t ino_t dev_t gid_t uid_t mode_t nlink_t pid_t id_t key_t "
    "daddr_t caddr_t fsid_t fd_set fd_mask sigset_t suseconds_t useconds_t blksize_t blkcnt_t fsblkcnt_t fsfilcnt_t "
    "register_t locale_t wint_t sig_atomic_t nullptr_t byte select pselect random_data drand48_data"
).split()
_INTEGERS = [f"{s}int{kind}{n}_t" for s in ("", "u", "u_") for kind in ("", "_least", "_fast") for n in (8, 16, 32, 64)]

_WIDTHS = ("8", "16", "32", "64")
_LIMITED = [f"{u}INT{kind}{n}" for u in ("", "U") for kind in ("", "_LEAST", "_FAST") for n in _WIDTHS]
_LIMITED += (
    "INTMAX UINTMAX INTPTR UINTPTR SIZE PTRDIFF SIG_ATOMIC WCHAR WINT CHAR SCHAR UCHAR SHRT USHRT INT UINT".split()
)
_LIMITED += "LONG ULONG LLONG ULLONG BOOL SSIZE".split()
_MATHEMATICS = "E LOG2E LOG10E LN2 LN10 PI PI_2 PI_4 1_PI 2_PI 2_SQRTPI SQRT2 SQRT1_2".split()
_TYPES = ("", "f", "l", "f16", "f32", "f64", "f128", "f32x", "f64x")

# What a header may define as a macro: not even a member of a struct may be called so.
MACROS = frozenset(
    [
        *(f"{name}_{limit}" for name in _LIMITED for limit in ("MIN", "MAX", "WIDTH")),
        *(f"M_{name}{suffix}" for name in _MATHEMATICS for suffix in _TYPES),
        *(f"{name}{suffix.upper()}" for name in ("SNAN", "HUGE_VAL") for suffix in _TYPES),
        *(f"HUGE_VAL_{suffix.upper()}" for suffix in _TYPES if suffix),
        *(
            "NULL EOF NAN INFINITY HUGE X_TLOSS DOMAIN SING OVERFLOW UNDERFLOW PLOSS TLOSS MAXFLOAT FP_NAN FP_INFINITE "
            "FP_ZERO FP_SUBNORMAL FP_NORMAL FP_FAST_FMA FP_FAST_FMAF FP_FAST_FMAL FP_ILOGB0 FP_ILOGBNAN FP_LLOGB0 "
            "FP_LLOGBNAN FP_INT_UPWARD FP_INT_DOWNWARD FP_INT_TOWARDZERO FP_INT_TONEAREST FP_INT_TONEARESTFROMZERO "
            "MATH_ERRNO MATH_ERREXCEPT math_errhandling EXIT_SUCCESS EXIT_FAILURE CHAR_BIT MB_CUR_MAX EDOM ERANGE "
            "EILSEQ errno stdin stdout stderr assert offsetof unix linux i386 BYTE_ORDER BIG_ENDIAN LITTLE_ENDIAN "
            "PDP_ENDIAN FD_SETSIZE NFDBITS WNOHANG WUNTRACED WSTOPPED WEXITED WCONTINUED WNOWAIT RAND_MAX "
            "near far small hyper interface PI HALF_PI TWO_PI EULER DEG_TO_RAD RAD_TO_DEG HIGH LOW INPUT OUTPUT "
            "DEFAULT EXTERNAL INTERNAL SERIAL DISPLAY F IN OUT OPTIONAL CONST VOID ERROR min max"
        ).split(),
    ]
)

# Parameters and locals of the generated functions.
LOCALS = frozenset(
    "sizes params inputs initial loss outputs final params_grad inputs_grad initial_grad outputs_cotangent "
    "final_cotangent workspace workspace_bytes next zeros one again status needed "
    "all count".split()
)

# Locals of what runs the segments of a kernel.
SEGMENT_LOCALS = frozenset(
    "length segments inner n first steps last begun done seed total steps_loss once_loss part_sizes part_params "
    "part_inputs part_initial part_outputs part_final part_outputs_cotangent part_final_cotangent part_params_grad "
    "part_inputs_grad part_initial_grad".split()
)

# Locals of what shares out the sequences of a batch.
ROWS_LOCALS = frozenset(
    "parts rows inner piece p done first next losses once seed total part_sizes part_params part_inputs part_initial "
    "part_outputs part_final part_outputs_cotangent part_final_cotangent part_params_grad part_inputs_grad "
    "part_initial_grad".split()
)

STATUSES = (
    ("ok", "all is well"),
    ("null_pointer", "an array that is needed, the workspace or a struct is NULL"),
    ("zero_size", "a size other than T and B is 0"),
    ("size_overflow", "the sizes overflow"),
    ("small_workspace", "the workspace is too small"),
    ("misaligned_workspace", "the workspace is not aligned for its type"),
    ("class_out_of_range", "a class index is out of range"),
)

API = (
    "forward_or_again forward_again "
    "forward advance value_and_grad vjp strerror workspace_bytes sizes params inputs initial outputs final params_grad "
    "inputs_grad initial_grad outputs_cotangent final_cotangent status check add times subtract larger aligned missing "
    "in_range put sum length inner segment rows parts first gather scatter"
).split()


def reserved(cell: str, helpers: Iterable[str]) -> frozenset[str]:
    """What no local name of the cell's file may be; `cell` is the prefix of all that it defines."""
    library = [f"{name}{suffix}" for name in _REAL for suffix in ("", "f", "l")]
    library += [f"c{name}{suffix}" for name in _COMPLEX for suffix in ("", "f", "l")]
    own = [f"{cell}_{word}" for word in (*API, *(name for name, _ in STATUSES), *helpers)]
    keywords = KEYWORDS_OF["C"] | KEYWORDS_OF["C++"]  # the user has none, but dL/do is called so
    return LOCALS | MACROS | keywords | frozenset([*library, *_OTHER, *_INTEGERS, *own, cell])


def member(name: str) -> str:
    """The name of a struct's member: the user's own, unless a macro of some header would replace it."""
    return f"{name}_" if name in MACROS else name


def identifiers(text: str) -> set[str]:
    """The identifiers in a piece of C."""
    return set(re.findall(r"[A-Za-z_]\w*", text))
