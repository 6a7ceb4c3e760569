# Completes the commands and options of tessera and tessera-lite with what their --help lists, so it is never out of date.
_tessera() {
  local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} word help
  local -a command=()
  # The words before the first option name a command.
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] && break
    command+=("$word")
  done
  help=$("$program" "${command[@]}" --help 2> /dev/null) || return
  if [[ $current == -* ]]; then
    help=$(grep -oE '^ +(-[a-z],)?--[a-z-]+' <<< "$help" | grep -oE -- '--[a-z-]+')
  else
    help=$(sed -n '/^Subcommands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' <<< "$help")
  fi
  mapfile -t COMPREPLY < <(compgen -W "$help" -- "$current")
}
# What is no command is a file or a folder.
complete -o default -F _tessera tessera tessera-lite
