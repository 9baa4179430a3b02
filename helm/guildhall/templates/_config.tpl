{{- /* Amounts as strings, as the operator's configuration wants them. Call with resources. */}}
{{- define "guildhall.amounts" -}}
{{- $result := dict }}
{{- range $kind, $amounts := . }}
{{- $strings := dict }}
{{- range $name, $amount := $amounts }}
{{- $_ := set $strings $name (toString $amount) }}
{{- end }}
{{- $_ := set $result $kind $strings }}
{{- end }}
{{- toJson $result }}
{{- end }}

{{- /* What the operator reads: operator/settings/config.ts is its schema. */}}
{{- define "guildhall.config" -}}
agents:
  template:
    image: {{ include "guildhall.image" (list . "agent") }}
    imagePullPolicy: {{ .Values.images.agent.pullPolicy }}
    serviceAccountName: {{ include "guildhall.fullname" . }}-agent
    resources:
      agent: {{ include "guildhall.amounts" .Values.agents.resources.agent }}
      sandbox: {{ include "guildhall.amounts" .Values.agents.resources.sandbox }}
    workspaceSizeLimit: {{ .Values.agents.workspaceSizeLimit | quote }}
    runtimeClassName: {{ .Values.agents.runtimeClassName | quote }}
    nodeSelector: {{ .Values.agents.nodeSelector | toJson }}
    tolerations: {{ .Values.agents.tolerations | toJson }}
  hubUrl: {{ include "guildhall.url" (list . "hub" 8080) }}
  maxAgents: {{ .Values.agents.maxAgents }}
  idleSeconds: {{ .Values.agents.idleSeconds }}
  maxTasks: {{ .Values.agents.maxTasks }}
  reuse: {{ .Values.agents.reuse }}
  models: {{ include "guildhall.agentModels" . }}
forge:
  url: {{ include "guildhall.url" (list . "forge" 8080) }}
  tokenFile: /var/run/secrets/guildhall/forge/token
{{ include "guildhall.models" . | fromJson | toYaml }}
modelServer:
  {{- with include "guildhall.defaultEndpoint" . }}
  url: {{ . }}
  {{- end }}
  {{- if and .Values.ollama.enabled (gt (int .Values.ollama.replicas) 1) }}
  replicas:
    {{- range $index := until (int .Values.ollama.replicas) }}
    - {{ include "guildhall.url" (list $ (printf "ollama-%d" $index) 11434) }}
    {{- end }}
  {{- end }}
  airGapped: {{ .Values.airGapped }}
  {{- if .Values.ollama.enabled }}
  {{- /* With a GPU its own memory counts, and nobody said how much that is. */}}
  {{- $limits := default dict .Values.ollama.resources.limits }}
  {{- if and $limits.memory (not (regexMatch "gpu" (keys $limits | join " "))) }}
  memory: {{ $limits.memory | quote }}
  {{- end }}
  {{- if and .Values.ollama.persistence.enabled (not .Values.ollama.persistence.existingClaim) }}
  disk: {{ .Values.ollama.persistence.size | quote }}
  {{- end }}
  {{- end }}
log:
  level: {{ .Values.operator.logLevel }}
{{- end }}
