# kvsp.m4 - the project's own configure macros.

# KVSP_APPEND_CFLAGS(VARIABLE, FLAG...)
# -------------------------------------
# Adds each flag that the C compiler takes without a word to VARIABLE.
AC_DEFUN([KVSP_APPEND_CFLAGS],
[for kvsp_flag in $2; do
  AC_MSG_CHECKING([whether $CC takes $kvsp_flag])
  kvsp_saved_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS $kvsp_flag -Werror"
  AC_COMPILE_IFELSE([AC_LANG_SOURCE([[extern int kvsp; int kvsp = 1;]])],
    [AC_MSG_RESULT([yes])
     $1="$$1 $kvsp_flag"],
    [AC_MSG_RESULT([no])])
  CFLAGS=$kvsp_saved_CFLAGS
done
])

# KVSP_APPEND_LDFLAGS(VARIABLE, FLAG...)
# --------------------------------------
# Adds each flag that the linker takes without a word to VARIABLE.
AC_DEFUN([KVSP_APPEND_LDFLAGS],
[for kvsp_flag in $2; do
  AC_MSG_CHECKING([whether the linker takes $kvsp_flag])
  kvsp_saved_LDFLAGS=$LDFLAGS
  LDFLAGS="$LDFLAGS $kvsp_flag -Wl,--fatal-warnings"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes])
     $1="$$1 $kvsp_flag"],
    [AC_MSG_RESULT([no])])
  LDFLAGS=$kvsp_saved_LDFLAGS
done
])

# KVSP_FORTIFY(VARIABLE)
# ----------------------
# Adds -D_FORTIFY_SOURCE=3, or 2 where the C library knows no more, to
# VARIABLE, unless the compiler sets it by itself or does not optimise, where
# it would only warn.
AC_DEFUN([KVSP_FORTIFY],
[AC_MSG_CHECKING([which _FORTIFY_SOURCE to define])
kvsp_fortify=none
AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#if !defined(__OPTIMIZE__) || defined(_FORTIFY_SOURCE)
#error "no"
#endif
int kvsp;
]])], [kvsp_fortify=2])
AS_IF([test $kvsp_fortify = 2],
  [AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#define _FORTIFY_SOURCE 3
#include <stdio.h>
#if __USE_FORTIFY_LEVEL != 3
#error "no"
#endif
int kvsp;
]])], [kvsp_fortify=3])
   $1="$$1 -D_FORTIFY_SOURCE=$kvsp_fortify"])
AC_MSG_RESULT([$kvsp_fortify])
])

# KVSP_PIE(CFLAGS VARIABLE, LDFLAGS VARIABLE)
# -------------------------------------------
# Adds -fPIE and -pie: a program that the system may load anywhere.  Libtool
# puts -fPIC behind it where it makes a shared library.
AC_DEFUN([KVSP_PIE],
[AC_MSG_CHECKING([whether $CC makes position independent programs])
kvsp_saved_CFLAGS=$CFLAGS
kvsp_saved_LDFLAGS=$LDFLAGS
CFLAGS="$CFLAGS -fPIE -Werror"
LDFLAGS="$LDFLAGS -pie"
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
  [AC_MSG_RESULT([yes])
   $1="$$1 -fPIE"
   $2="$$2 -pie"],
  [AC_MSG_RESULT([no])])
CFLAGS=$kvsp_saved_CFLAGS
LDFLAGS=$kvsp_saved_LDFLAGS
])

# KVSP_SANITIZERS
# ---------------
# Looks at the list in $enable_sanitizers: yes is address,undefined.
AC_DEFUN([KVSP_SANITIZERS],
[AS_IF([test "x$enableval" = xyes], [enable_sanitizers=address,undefined])
AS_CASE([",$enable_sanitizers,"],
  [,no,], [],
  [*,,*], [AC_MSG_ERROR([--enable-sanitizers has an empty name in its list])],
  [for kvsp_name in `AS_ECHO(["$enable_sanitizers"]) | tr , ' '`; do
     AS_CASE([$kvsp_name], [address|leak|memory|thread|undefined], [],
       [AC_MSG_ERROR([--enable-sanitizers knows address, leak, memory, thread,
  undefined, not "$kvsp_name"])])
   done])
])

# KVSP_VERSION_SCRIPT
# -------------------
# HAVE_VERSION_SCRIPT: the linker hides what a map file does not name.
AC_DEFUN([KVSP_VERSION_SCRIPT],
[AC_MSG_CHECKING([whether the linker takes a version script])
kvsp_version_script=no
kvsp_saved_LDFLAGS=$LDFLAGS
LDFLAGS="$LDFLAGS -shared -fPIC -Wl,--version-script=conftest.map"
echo 'KVSP_1 { global: kvsp_test; local: *; };' >conftest.map
AC_LINK_IFELSE([AC_LANG_SOURCE([[int kvsp_test(void);
int kvsp_test(void) { return 0; }]])],
  [kvsp_version_script=yes])
LDFLAGS=$kvsp_saved_LDFLAGS
rm -f conftest.map
AC_MSG_RESULT([$kvsp_version_script])
AM_CONDITIONAL([HAVE_VERSION_SCRIPT], [test "$kvsp_version_script" = yes])
])

# KVSP_WITH(NAME, WHAT FOR)
# -------------------------
# --with-NAME=auto|yes|no into $with_NAME.
AC_DEFUN([KVSP_WITH],
[AC_ARG_WITH([$1],
  [AS_HELP_STRING([--with-$1@<:@=auto|yes|no@:>@], [$2 @<:@auto@:>@])],
  [AS_CASE([$withval], [auto|yes|no], [],
    [AC_MSG_ERROR([--with-$1 takes auto, yes or no, not "$withval"])])],
  [with_$1=auto])
])

# KVSP_PKG(NAME, PREFIX, MODULES, DEBIAN PACKAGES)
# ------------------------------------------------
# Looks for MODULES with pkg-config unless $with_NAME is no; sets have_NAME,
# PREFIX_CFLAGS, PREFIX_LIBS, the conditional HAVE_PREFIX.
AC_DEFUN([KVSP_PKG],
[have_$1=no
AS_IF([test "x$with_$1" != xno],
  [PKG_CHECK_MODULES([$2], [$3], [have_$1=yes], [have_$1=no])])
AS_IF([test "x$with_$1:$have_$1" = xyes:no],
  [AC_MSG_ERROR([--with-$1 was given, but pkg-config does not find:
  $3
On Debian and Ubuntu: apt-get install $4])])
AS_IF([test "x$have_$1" = xyes],
  [AC_DEFINE([HAVE_$2], [1], [Define to 1 when built with $1.])])
AM_CONDITIONAL([HAVE_$2], [test "x$have_$1" = xyes])
])

# KVSP_CXX17
# ----------
# have_cxx17, CXX17_FLAG: a C++17 compiler that works; none is fine.
AC_DEFUN([KVSP_CXX17],
[AC_LANG_PUSH([C++])
have_cxx17=no
CXX17_FLAG=
AC_MSG_CHECKING([for a C++17 compiler])
kvsp_saved_CXXFLAGS=$CXXFLAGS
for kvsp_flag in '' -std=c++17; do
  CXXFLAGS="$kvsp_saved_CXXFLAGS $kvsp_flag"
  AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#include <string_view>
#if __cplusplus < 201703L
#error "too old"
#endif
]])], [have_cxx17=yes; CXX17_FLAG=$kvsp_flag; break])
done
CXXFLAGS=$kvsp_saved_CXXFLAGS
AC_MSG_RESULT([$have_cxx17])
AC_SUBST([CXX17_FLAG])
AC_LANG_POP([C++])
])

# KVSP_WEBM
# ---------
# have_webm, the conditional HAVE_WEBM: libwebm's parser, which pkg-config
# does not know.
AC_DEFUN([KVSP_WEBM],
[have_webm=no
AS_IF([test "x$have_cxx17" = xyes],
  [AC_LANG_PUSH([C++])
   AC_MSG_CHECKING([for libwebm])
   kvsp_saved_LIBS=$LIBS
   LIBS="$LIBS -lwebm"
   AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <webm/webm_parser.h>]],
       [[webm::WebmParser parser;]])], [have_webm=yes])
   LIBS=$kvsp_saved_LIBS
   AC_MSG_RESULT([$have_webm])
   AC_LANG_POP([C++])])
AM_CONDITIONAL([HAVE_WEBM], [test "$have_webm" = yes])
])

# KVSP_PYTHON
# -----------
# --with-python=auto|yes|no|INTERPRETER: PYTHON3, have_python, HAVE_PYTHON, and
# pythondir, where that Python looks for what is installed below prefix
# (Debian's has folders of its own), to be changed with make's pythondir=.
AC_DEFUN([KVSP_PYTHON],
[AC_ARG_WITH([python],
  [AS_HELP_STRING([--with-python@<:@=INTERPRETER@:>@],
    [install the Python package @<:@auto: for python3@:>@])],
  [], [with_python=auto])
AS_CASE([$with_python],
  [/*|*python*], [PYTHON3=$with_python],
  [AC_PATH_PROG([PYTHON3], [python3])])
AC_SUBST([PYTHON3])
have_python=no
AS_IF([test "x$with_python" != xno && test -n "$PYTHON3"], [
  AC_MSG_CHECKING([where $PYTHON3 looks for packages])
  kvsp_prefix=$prefix
  test "x$kvsp_prefix" = xNONE && kvsp_prefix=$ac_default_prefix
  pythondir=`"$PYTHON3" -c '
import site, sys
if sys.version_info < (3, 10):
    sys.exit(1)
prefix = sys.argv@<:@1@:>@.rstrip("/") + "/"
local = prefix + "local/"
folders = @<:@f for f in site.getsitepackages()
           if f.startswith(prefix) and not f.startswith(local)@:>@
usual = "lib/python%d.%d/site-packages" % sys.version_info@<:@:2@:>@
print("\${prefix}/" + (folders@<:@0@:>@.removeprefix(prefix) if folders else usual))
' "$kvsp_prefix" 2>/dev/null` && have_python=yes || pythondir=
  AC_MSG_RESULT([${pythondir:-none of 3.10 or later}])])
AS_IF([test "x$with_python:$have_python" != xauto:no &&
       test "x$with_python:$have_python" != xno:no &&
       test "x$have_python" = xno],
  [AC_MSG_ERROR([--with-python was given, but there is no Python 3.10 or
  later (apt-get install python3)])])
AC_SUBST([pythondir])
AM_CONDITIONAL([HAVE_PYTHON], [test "x$have_python" = xyes])
])
