{{- /* Address of the Ollama server that models use when they name none; empty when there is none. */}}
{{- define "guildhall.defaultEndpoint" -}}
{{- if .Values.ollama.external.url }}
{{- .Values.ollama.external.url }}
{{- else if .Values.ollama.enabled }}
{{- include "guildhall.url" (list . "ollama" 11434) }}
{{- end }}
{{- end }}

{{- /* What a preset stands for as JSON: the model, further models, and which type of agent uses which. */}}
{{- define "guildhall.preset" -}}
{{- $llama := dict "name" "llama2:7b" "contextTokens" 4096 "outputTokens" 1024 }}
{{- $presets := dict
  "recommended" (dict "name" "qwen2.5-coder:7b" "models" list "agents" dict)
  "classic" (dict "name" "codellama:7b" "models" (list $llama) "agents" (dict "review" "llama2:7b" "documentation" "llama2:7b"))
  "tiny" (dict "name" "qwen2.5-coder:1.5b" "models" list "agents" dict) }}
{{- get $presets .Values.preset | toJson }}
{{- end }}

{{- /* The model that does the work, by name. */}}
{{- define "guildhall.modelName" -}}
{{- .Values.model.name | default (include "guildhall.preset" . | fromJson).name }}
{{- end }}

{{- /* Models by type of agent as JSON. A model that a person chose does everything, unless the person says otherwise. */}}
{{- define "guildhall.agentModels" -}}
{{- $preset := ternary dict (include "guildhall.preset" . | fromJson).agents (or (ne .Values.model.name "") (and .Values.rehearsal.enabled .Values.rehearsal.default)) }}
{{- merge (deepCopy .Values.agents.models) $preset | toJson }}
{{- end }}

{{- /* The models of the operator's configuration as JSON {"models": […]}; the first is the default. */}}
{{- define "guildhall.models" -}}
{{- $models := list }}
{{- $rehearsal := dict }}
{{- if .Values.rehearsal.enabled }}
{{- $rehearsal = dict "name" "rehearsal" "endpoint" (include "guildhall.url" (list . "rehearsal" 11434)) "contextTokens" 8192 "outputTokens" 2048 "parallel" .Values.rehearsal.parallel "tier" "good" "pull" false }}
{{- end }}
{{- $fallback := include "guildhall.defaultEndpoint" . }}
{{- if and $rehearsal .Values.rehearsal.default }}
{{- $models = append $models $rehearsal }}
{{- end }}
{{- $preset := include "guildhall.preset" . | fromJson }}
{{- $first := merge (dict "name" (include "guildhall.modelName" .)) .Values.model }}
{{- $further := ternary list $preset.models (ne .Values.model.name "") }}
{{- range $entry := concat (list $first) $further .Values.models }}
{{- $endpoint := default $fallback .endpoint }}
{{- if $endpoint }}
{{- $model := dict "name" .name "endpoint" $endpoint }}
{{- range $key := list "contextTokens" "outputTokens" "parallel" "tier" "pull" }}
{{- $value := ternary (get $entry $key) (get $.Values.model $key) (hasKey $entry $key) }}
{{- if ne (toString $value) "auto" }}
{{- $_ := set $model $key $value }}
{{- end }}
{{- end }}
{{- if eq (get $entry "provider") "openai" }}
{{- $_ := set $model "provider" "openai" }}
{{- end }}
{{- with (get $entry "tokenSecret") }}
{{- if .name }}
{{- $_ := set $model "tokenFile" (printf "/var/run/secrets/guildhall/models/%s/%s" .name (.key | default "token")) }}
{{- end }}
{{- end }}
{{- $models = append $models $model }}
{{- end }}
{{- end }}
{{- if and $rehearsal (not .Values.rehearsal.default) }}
{{- $models = append $models $rehearsal }}
{{- end }}
{{- dict "models" $models | toJson }}
{{- end }}

{{- /* Secrets with tokens of model servers as JSON {"names": […]}. */}}
{{- define "guildhall.modelSecrets" -}}
{{- $names := list }}
{{- range concat (list .Values.model) .Values.models }}
{{- with (get . "tokenSecret") }}
{{- if .name }}
{{- $names = append $names .name }}
{{- end }}
{{- end }}
{{- end }}
{{- dict "names" (uniq $names) | toJson }}
{{- end }}

{{- /* How many calls the Ollama of this release answers at once: one figure for a server, that of its first model. */}}
{{- define "guildhall.ollamaParallel" -}}
{{- $own := include "guildhall.url" (list . "ollama" 11434) }}
{{- $parallel := .Values.model.parallel }}
{{- range reverse (include "guildhall.models" . | fromJson).models }}
{{- if eq .endpoint $own }}
{{- $parallel = .parallel }}
{{- end }}
{{- end }}
{{- int $parallel }}
{{- end }}

{{- /* Whether the server of this release must reach the model registry: "true" or nothing. */}}
{{- define "guildhall.pulls" -}}
{{- $own := include "guildhall.url" (list . "ollama" 11434) }}
{{- range (include "guildhall.models" . | fromJson).models }}
{{- if and .pull (eq .endpoint $own) }}true{{ end }}
{{- end }}
{{- end }}

{{- /* Ports of model servers outside this release as JSON {"ports": […]}. */}}
{{- define "guildhall.externalModelPorts" -}}
{{- $ours := list (include "guildhall.url" (list . "ollama" 11434)) (include "guildhall.url" (list . "rehearsal" 11434)) }}
{{- $ports := list }}
{{- range (include "guildhall.models" . | fromJson).models }}
{{- if not (has .endpoint $ours) }}
{{- $url := urlParse .endpoint }}
{{- $standard := ternary 443 80 (eq $url.scheme "https") }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (toString $standard) }}
{{- $ports = append $ports (int $port) }}
{{- end }}
{{- end }}
{{- dict "ports" (uniq $ports) | toJson }}
{{- end }}

{{- /* Stops with a sentence when the values cannot work together. */}}
{{- define "guildhall.checks" -}}
{{- if and .Values.ollama.enabled .Values.ollama.external.url }}
{{- fail "ollama.external.url is set while ollama.enabled is true, and only one can be used; add: --set ollama.enabled=false" }}
{{- end }}
{{- if and .Values.rehearsal.default (not .Values.rehearsal.enabled) }}
{{- fail "rehearsal.default needs the rehearsal model; add: --set rehearsal.enabled=true" }}
{{- end }}
{{- if and .Values.ollama.persistence.existingClaim (gt (int .Values.ollama.replicas) 1) }}
{{- fail "ollama.replicas is more than 1, and each needs a volume of its own; leave ollama.persistence.existingClaim empty" }}
{{- end }}
{{- range $name := list "forge" "ollama" }}
{{- $volume := (get $.Values $name).persistence }}
{{- if and $volume.existingClaim (not $volume.enabled) }}
{{- fail (printf "%s.persistence.existingClaim is set while %s.persistence.enabled is false; add: --set %s.persistence.enabled=true" $name $name $name) }}
{{- end }}
{{- end }}
{{- if not (include "guildhall.models" . | fromJson).models }}
{{- fail "there is no model server; add one of: --set ollama.enabled=true | --set ollama.external.url=http://HOST:11434 | --set rehearsal.enabled=true --set rehearsal.default=true" }}
{{- end }}
{{- $names := list }}
{{- $objects := list }}
{{- range (include "guildhall.models" . | fromJson).models }}
{{- if and .pull $.Values.airGapped }}
{{- fail (printf "airGapped is true, and the model %s is to be pulled; put it into the server by hand (docs/models.md) and set its pull to false" .name) }}
{{- end }}
{{- if eq (.provider | default "ollama") "openai" }}
{{- if eq .endpoint (include "guildhall.defaultEndpoint" $) }}
{{- fail (printf "the model %s has provider openai and no endpoint of its own; set its endpoint to its server" .name) }}
{{- end }}
{{- if .pull }}
{{- fail (printf "the model %s has provider openai, through which nothing can be pulled; set its pull to false" .name) }}
{{- end }}
{{- end }}
{{- $parallel := int (include "guildhall.ollamaParallel" $) }}
{{- if and (eq .endpoint (include "guildhall.url" (list $ "ollama" 11434))) (ne (int .parallel) $parallel) }}
{{- fail (printf "parallel of the model %s is %d, and the Ollama of this release answers %d calls at once, whichever model they are for; give its models the same parallel, or this one an endpoint of its own" .name (int .parallel) $parallel) }}
{{- end }}
{{- if has .name $names }}
{{- fail (printf "the model %s is named twice in model and models; name it once" .name) }}
{{- end }}
{{- $object := regexReplaceAll "[^a-z0-9]+" (lower .name) "-" | trunc 63 | trimAll "-" }}
{{- if has $object $objects }}
{{- fail (printf "the model %s would be the LanguageModel %s, as another of model and models is; leave one of them out, and make a LanguageModel for it yourself" .name $object) }}
{{- end }}
{{- $objects = append $objects $object }}
{{- $names = append $names .name }}
{{- if gt (mul 2 (int .outputTokens)) (int .contextTokens) }}
{{- fail (printf "outputTokens of the model %s is more than half of its contextTokens, which leaves no room for the question; lower outputTokens or raise contextTokens" .name) }}
{{- end }}
{{- end }}
{{- range $type, $name := include "guildhall.agentModels" . | fromJson }}
{{- if not (has $name $names) }}
{{- fail (printf "agents.models.%s is %s, which neither model nor models names; add it to models" $type $name) }}
{{- end }}
{{- end }}
{{- end }}
