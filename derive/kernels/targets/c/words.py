"""What identifiers of C code may not be called, though the cell language allows it."""

from __future__ import annotations

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
    "size_t ptrdiff_t wchar_t max_align_t float_t double_t intptr_t uintptr_t intmax_t uintmax_t bool true false"
).split()
_INTEGERS = [f"{sign}int{width}_t" for sign in ("", "u") for width in (8, 16, 32, 64)]

# What a header may define as a macro: not even a member of a struct may be called so.
MACROS = frozenset(
    "NULL EOF NAN INFINITY HUGE_VAL HUGE_VALF HUGE_VALL HUGE X_TLOSS DOMAIN SING OVERFLOW UNDERFLOW PLOSS TLOSS "
    "MAXFLOAT M_E M_LOG2E M_LOG10E M_LN2 M_LN10 M_PI M_PI_2 M_PI_4 M_1_PI M_2_PI M_2_SQRTPI M_SQRT2 M_SQRT1_2 "
    "FP_NAN FP_INFINITE FP_ZERO FP_SUBNORMAL FP_NORMAL FP_FAST_FMA FP_FAST_FMAF FP_FAST_FMAL FP_ILOGB0 FP_ILOGBNAN "
    "MATH_ERRNO MATH_ERREXCEPT RAND_MAX EXIT_SUCCESS EXIT_FAILURE CHAR_BIT CHAR_MAX CHAR_MIN INT_MAX INT_MIN LONG_MAX "
    "LONG_MIN SHRT_MAX SHRT_MIN UINT_MAX ULONG_MAX SIZE_MAX PTRDIFF_MAX PTRDIFF_MIN EDOM ERANGE EILSEQ errno stdin "
    "stdout stderr assert offsetof unix linux i386 near far small hyper interface "
    "PI HALF_PI TWO_PI EULER DEG_TO_RAD RAD_TO_DEG HIGH LOW INPUT OUTPUT DEFAULT EXTERNAL INTERNAL SERIAL DISPLAY F "
    "IN OUT OPTIONAL CONST VOID ERROR min max".split()
)

# Parameters and locals of the generated functions.
LOCALS = frozenset(
    "sizes params inputs initial loss outputs final params_grad inputs_grad initial_grad outputs_cotangent "
    "final_cotangent workspace workspace_bytes next zeros one status needed "
    "all count".split()
)

API = (
    "forward value_and_grad vjp strerror workspace_bytes sizes params inputs initial outputs final params_grad "
    "inputs_grad initial_grad outputs_cotangent final_cotangent status check add times subtract larger aligned missing "
    "in_range"
).split()


def reserved(cell: str, helpers: Iterable[str]) -> frozenset[str]:
    """What no local name of the cell's file may be; `cell` is the prefix of all that it defines."""
    library = [f"{name}{suffix}" for name in _REAL for suffix in ("", "f", "l")]
    library += [f"c{name}{suffix}" for name in _COMPLEX for suffix in ("", "f", "l")]
    own = [f"{cell}_{word}" for word in (*API, *helpers)]
    keywords = KEYWORDS_OF["C"] | KEYWORDS_OF["C++"]  # the user has none, but dL/do is called so
    return LOCALS | MACROS | keywords | frozenset([*library, *_OTHER, *_INTEGERS, *own, cell])


def member(name: str) -> str:
    """The name of a struct's member: the user's own, unless a macro of some header would replace it."""
    return f"{name}_" if name in MACROS else name
